import type { InferenceService } from '../../contract/inference-service.ts';
import { isRecord } from '../../lib/json.ts';
import {
  INFERENCE_SERVICE_API_VERSION,
  INFERENCE_SERVICE_KIND,
  TRAINED_MODEL_API_VERSION,
} from '../../contract/names.ts';
import { readServingRuntime } from '../../contract/serving-runtime.ts';
import type { ServingRuntimeKind } from '../../contract/serving-runtime.ts';
import type { TrainedModel } from '../../contract/trained-model.ts';
import type { AnalyzedObject, Finding, Named } from './finding.decide.ts';
import { groupOf } from './finding.decide.ts';
import { inferenceServiceFindings } from './inference-services.decide.ts';
import { measuredFindings } from './measured.decide.ts';
import type { MeasuredService } from './measured.decide.ts';
import { placementFindings } from './placement.decide.ts';
import { configMapFindings, podFindings } from './surroundings.decide.ts';
import { trainedModelFindings } from './trained-models.decide.ts';

const KSERVE = 'serving.kserve.io';
const SERVICES = `${KSERVE}/${INFERENCE_SERVICE_KIND}`;
const MODELS = `${KSERVE}/TrainedModel`;
const RUNTIMES: readonly (readonly [string, ServingRuntimeKind])[] = [
  [`${KSERVE}/ServingRuntime`, 'ServingRuntime'],
  [`${KSERVE}/ClusterServingRuntime`, 'ClusterServingRuntime'],
];
const CONFIG_MAPS = '/ConfigMap';
const PODS = ['/Pod', 'apps/Deployment', 'apps/ReplicaSet', 'apps/StatefulSet'];
const READ = new Set([SERVICES, MODELS, ...RUNTIMES.map(([kind]) => kind), CONFIG_MAPS, ...PODS]);

/**
 * Every finding on these objects, by what they are together; objects of other kinds are passed over.
 *
 * @param measured what such InferenceServices take in a cluster
 */
export function analyze<T extends AnalyzedObject>(
  subjects: readonly T[],
  measured: readonly MeasuredService[] = [],
): readonly Finding<T>[] {
  const nameless: Finding<T>[] = [];
  const repeated: Finding<T>[] = [];
  const byKind = new Map<string, Map<string, Named<T, unknown>[]>>();
  for (const subject of subjects) {
    const kind = `${groupOf(subject.apiVersion)}/${subject.kind}`;
    if (!READ.has(kind)) continue;
    const named = nameOf(subject);
    if (named === undefined) {
      const message = `this ${subject.kind} has no metadata.name`;
      nameless.push({ code: 'MMS105', subject, path: ['metadata'], message });
      continue;
    }
    const known = byKind.get(kind) ?? new Map<string, Named<T, unknown>[]>();
    byKind.set(kind, known);
    const key = isUnnamed(subject) ? `#${known.size}` : `${named.namespace ?? ''}/${named.name}`;
    const before = known.get(key) ?? [];
    known.set(key, [...before, named]);
    if (before.length > 0) repeated.push(repetition(named));
  }
  const groups = (kind: string): Named<T, unknown>[][] => [...(byKind.get(kind)?.values() ?? [])];
  const objects: Objects<T> = {
    all: <O>(kind: string) => groups(kind).flat() as Named<T, O>[],
    counting: <O>(kind: string) => groups(kind).flatMap((group) => group.slice(-1)) as Named<T, O>[],
  };
  const services = objects.counting<InferenceService>(SERVICES);
  return [...nameless, ...repeated, ...findingsOf(objects), ...measuredFindings(services, measured)];
}

/** The objects of a kind. Of several with one name the last counts, as it would be applied last. */
interface Objects<T> {
  readonly all: <O>(kind: string) => Named<T, O>[];
  readonly counting: <O>(kind: string) => Named<T, O>[];
}

/** Checks each object alone, and then the objects that belong together. */
function findingsOf<T extends AnalyzedObject>({ all, counting }: Objects<T>): Finding<T>[] {
  const services = counting<InferenceService>(SERVICES);
  const runtimes = RUNTIMES.flatMap(([kind, name]) =>
    counting<Parameters<typeof readServingRuntime>[1]>(kind).map((one) => ({
      ...one,
      object: readServingRuntime(name, one.object),
    })),
  );
  return [
    ...all<TrainedModel>(MODELS).flatMap((model) => trainedModelFindings(model)),
    ...all<InferenceService>(SERVICES).flatMap((service) => inferenceServiceFindings(service, runtimes)),
    ...placementFindings(counting<TrainedModel>(MODELS), services, runtimes),
    ...PODS.flatMap((kind) => all(kind).flatMap((one) => podFindings(one, services))),
    ...all(CONFIG_MAPS).flatMap((one) => configMapFindings(one, services)),
  ];
}

function nameOf<T extends AnalyzedObject>(subject: T): Named<T, unknown> | undefined {
  const { metadata } = subject.object;
  if (!isRecord(metadata)) return undefined;
  const { name, namespace } = metadata;
  const given = name ?? metadata['generateName'];
  if (typeof given !== 'string' || given === '') return undefined;
  return {
    subject,
    name: given,
    namespace: typeof namespace === 'string' && namespace !== '' ? namespace : undefined,
    object: subject.object,
  };
}

/** Such as a pod whose name the API server is to make up: two of them are two. */
function isUnnamed({ object: { metadata } }: AnalyzedObject): boolean {
  return isRecord(metadata) && metadata['name'] === undefined;
}

function repetition<T extends AnalyzedObject>({ subject, name, namespace }: Named<T, unknown>): Finding<T> {
  const where = namespace === undefined ? '' : ` of namespace ${namespace}`;
  const message = `${subject.kind} ${name}${where} is in these files twice; both were checked`;
  return { code: 'MMS107', subject, path: ['metadata', 'name'], message };
}

/** Whether the model server of an InferenceService may know the framework of a model, by the same rule as for files. */
export function frameworkDoubts(service: InferenceService, model: TrainedModel): readonly string[] {
  const subjects = [
    { apiVersion: INFERENCE_SERVICE_API_VERSION, kind: INFERENCE_SERVICE_KIND, object: { ...service } },
    { apiVersion: TRAINED_MODEL_API_VERSION, kind: 'TrainedModel', object: { ...model } },
  ];
  return analyze(subjects).flatMap(({ code, message }) => (code === 'MMS215' ? [message] : []));
}
