import { isRecord } from '../../lib/json.ts';
import { bytes } from '../../lib/quantity.ts';
import type { Bytes } from '../../lib/quantity.ts';
import type { ModelRequest } from '../../contract/model-request.ts';
import { modelServerOf } from '../../contract/serving-runtime.ts';
import type { RuntimeOffer } from '../../contract/serving-runtime.ts';

/** The facts about a model server, by its name or image. */
interface ServerKind {
  readonly name: string;
  /** Whether it loads and unloads models by the V2 repository API, which the agent uses. */
  readonly loads: boolean;
  /** Its memory before the first model, including the libraries that it loads with it; undefined when not measured. */
  readonly empty: Bytes | undefined;
}

const mebibytes = (value: number): Bytes => bytes(value * 1024 * 1024);

/**
 * Servers by the word that names them in a runtime or an image. Which servers load models: MLServer and Triton by their
 * documentation; of KServe's Python servers those with a model repository
 * (python/<server>/<server>/<format>_model_repository.py, v0.17). Memory: resident, of MLServer 1.7.1 and sklearnserver
 * 0.17.0, once a first scikit-learn model has made them load its libraries.
 */
const SERVERS: readonly (readonly [word: string, kind: ServerKind])[] = [
  ['huggingface', { name: 'huggingfaceserver', loads: false, empty: undefined }],
  ['vllm', { name: 'vLLM', loads: false, empty: undefined }],
  ['tensorflow-serving', { name: 'TensorFlow Serving', loads: false, empty: undefined }],
  ['tensorflow/serving', { name: 'TensorFlow Serving', loads: false, empty: undefined }],
  ['torchserve', { name: 'TorchServe', loads: false, empty: undefined }],
  ['pmmlserver', { name: 'pmmlserver', loads: false, empty: undefined }],
  ['paddleserver', { name: 'paddleserver', loads: false, empty: undefined }],
  ['predictiveserver', { name: 'predictiveserver', loads: false, empty: undefined }],
  ['mlserver', { name: 'MLServer', loads: true, empty: mebibytes(213) }],
  ['tritonserver', { name: 'Triton', loads: true, empty: undefined }],
  ['sklearnserver', { name: 'sklearnserver', loads: true, empty: mebibytes(201) }],
  ['xgbserver', { name: 'xgbserver', loads: true, empty: undefined }],
  ['lgbserver', { name: 'lgbserver', loads: true, empty: undefined }],
];

/** The runtime that a predictor has, or will most likely have. */
export interface ServerFacts {
  /** The name of its ServingRuntime; undefined when no known runtime could serve it. */
  readonly runtime: string | undefined;
  /** Undefined for an unknown server. */
  readonly kind: ServerKind | undefined;
}

/** The server in a runtime, recognized by its server type, the runtime's name, and the image. */
export function serverOfRuntime(runtime: RuntimeOffer): ServerFacts {
  const image = modelServerOf(runtime)?.['image'];
  const words = [runtime.serverType ?? '', runtime.name, typeof image === 'string' ? image : ''];
  const kind = words.map(serverNamed).find((known) => known !== undefined);
  return { runtime: runtime.name, kind };
}

function serverNamed(text: string): ServerKind | undefined {
  const lower = text.toLowerCase();
  return SERVERS.find(([word]) => lower.includes(word))?.[1];
}

/** Formats of KServe's own runtimes with automatic selection, v0.17 (config/runtimes), by protocol; the best first. */
const SHIPPED: Readonly<Record<'v1' | 'v2', ReadonlyMap<string, string>>> = {
  v1: new Map([
    ['sklearn', 'kserve-sklearnserver'],
    ['xgboost', 'kserve-xgbserver'],
    ['lightgbm', 'kserve-lgbserver'],
    ['pmml', 'kserve-pmmlserver'],
    ['paddle', 'kserve-paddleserver'],
    ['tensorflow', 'kserve-tensorflow-serving'],
    ['pytorch', 'kserve-torchserve'],
    ['huggingface', 'kserve-huggingfaceserver'],
  ]),
  v2: new Map([
    ['sklearn', 'kserve-mlserver'],
    ['xgboost', 'kserve-mlserver'],
    ['lightgbm', 'kserve-mlserver'],
    ['mlflow', 'kserve-mlserver'],
    ['pmml', 'kserve-pmmlserver'],
    ['paddle', 'kserve-paddleserver'],
    ['tensorflow', 'kserve-tritonserver'],
    ['tensorrt', 'kserve-tritonserver'],
    ['onnx', 'kserve-tritonserver'],
    ['triton', 'kserve-tritonserver'],
    ['pytorch', 'kserve-torchserve'],
    ['huggingface', 'kserve-huggingfaceserver'],
  ]),
};

/** When no ServingRuntimes are known, as with files: the named one, else KServe's own. */
export function serverAsShipped(request: ModelRequest): ServerFacts {
  const protocol = request.protocol === 'v2' ? 'v2' : 'v1';
  const runtime = request.runtime ?? SHIPPED[protocol].get(request.format.name);
  const image = isRecord(request.overrides) ? request.overrides['image'] : undefined;
  const kind = [runtime ?? '', typeof image === 'string' ? image : '']
    .map(serverNamed)
    .find((known) => known !== undefined);
  return { runtime, kind };
}
