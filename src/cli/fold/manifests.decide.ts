import { isDeepStrictEqual } from 'node:util';
import { recordOf } from '../../lib/json.ts';
import { formatBytes } from '../../lib/quantity.ts';
import type { KubernetesObject } from '../../contract/kubernetes.ts';
import { IMPLEMENTATION_FIELDS } from '../../contract/inference-service.ts';
import {
  INFERENCE_SERVICE_API_VERSION,
  INFERENCE_SERVICE_KIND,
  TRAINED_MODEL_API_VERSION,
} from '../../contract/names.ts';
import { formatCpu, readCpu } from './amounts.decide.ts';
import type { Candidate } from './candidate.decide.ts';
import type { Group, Member } from './groups.decide.ts';
import type { SharedPods } from './savings.decide.ts';
import { sharedMetadata } from './shared-metadata.decide.ts';

interface Manifest extends KubernetesObject {
  readonly spec: Readonly<Record<string, unknown>>;
}

/** The InferenceService whose pods all members of a group share: as they are, but without a model of its own. */
export function sharedInferenceService({ namespace, name, members }: Group, shared: SharedPods): Manifest {
  const [{ candidate }] = members;
  const candidates = members.map((member) => member.candidate);
  const { labels, annotations, ofPredictor } = sharedMetadata(candidates);
  return {
    apiVersion: INFERENCE_SERVICE_API_VERSION,
    kind: INFERENCE_SERVICE_KIND,
    metadata: {
      name,
      ...(namespace !== '' && { namespace }),
      ...ifAny('labels', labels),
      ...ifAny('annotations', annotations),
    },
    spec: {
      predictor: {
        ...podFields(candidate),
        ...ifAny('labels', ofPredictor.labels),
        ...ifAny('annotations', ofPredictor.annotations),
        ...scaling(candidates, shared.replicas),
        model: modelFields(candidates, shared),
      },
    },
  };
}

/**
 * The TrainedModel that replaces a member. It has the name of the InferenceService, so that the path of requests stays.
 */
export function trainedModelOf(
  { candidate, storageUri, framework, memory }: Member,
  group: Pick<Group, 'name'>,
): Manifest {
  const { name, namespace } = candidate;
  return {
    apiVersion: TRAINED_MODEL_API_VERSION,
    kind: 'TrainedModel',
    metadata: { name, ...(namespace !== '' && { namespace }) },
    spec: {
      inferenceService: group.name,
      model: { storageUri, framework, memory: formatBytes(memory.memory) },
    },
  };
}

/** Copied when all members agree; a difference does not prevent sharing. */
const SCALING = ['scaleTarget', 'scaleMetric', 'scaleMetricType', 'autoScaling'] as const;
const APART: ReadonlySet<string> = new Set([
  ...IMPLEMENTATION_FIELDS,
  ...SCALING,
  ...['minReplicas', 'maxReplicas', 'labels', 'annotations', 'storageUris'],
]);

/** Fields that all members share, since otherwise they would be in another group. */
function podFields({ predictor }: Candidate): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(predictor).filter(([field, value]) => !APART.has(field) && value != null),
  );
}

function scaling(candidates: readonly Candidate[], replicas: number): Record<string, unknown> {
  const [first, ...others] = candidates;
  const alike = SCALING.filter(
    (field) =>
      first?.predictor[field] != null &&
      others.every(({ predictor }) => isDeepStrictEqual(predictor[field], first.predictor[field])),
  );
  const most = Math.max(
    ...candidates
      .map(({ predictor }) => predictor['maxReplicas'])
      .filter((value) => typeof value === 'number'),
    0,
  );
  return {
    minReplicas: replicas,
    ...(most > replicas && { maxReplicas: most }),
    ...Object.fromEntries(alike.map((field) => [field, first?.predictor[field]])),
  };
}

function modelFields(candidates: readonly Candidate[], shared: SharedPods): Record<string, unknown> {
  const [first] = candidates;
  const { format, runtimeVersion, overrides = {} } = first?.request ?? {};
  // A guessed runtime is not written, so that KServe still chooses it.
  const named = candidates.find(({ request }) => request?.runtime !== undefined)?.request?.runtime;
  const runtime = first?.runtimeContainer === undefined ? named : first.server.runtime;
  return {
    modelFormat: { name: format?.name, ...(format?.version !== undefined && { version: format.version }) },
    ...(runtime !== undefined && { runtime }),
    ...(runtimeVersion !== undefined && { runtimeVersion }),
    protocolVersion: first?.protocol,
    ...overrides,
    resources: resourcesOf(candidates, shared, recordOf(overrides['resources'])),
  };
}

/** Models are admitted up to the memory limit. Devices stay as they are. */
function resourcesOf(
  candidates: readonly Candidate[],
  { server, memoryLimit }: SharedPods,
  resources: Readonly<Record<string, unknown>>,
): Record<string, unknown> {
  const limits = candidates.map(({ request }) =>
    readCpu(recordOf(recordOf(request?.overrides['resources'])['limits'])['cpu']),
  );
  const limit = Math.max(server.cpu, ...limits.filter((one) => one !== undefined)) as typeof server.cpu;
  return {
    requests: {
      cpu: formatCpu(server.cpu),
      memory: formatBytes(server.memory),
      ...devices(resources['requests']),
    },
    limits: { cpu: formatCpu(limit), memory: formatBytes(memoryLimit), ...devices(resources['limits']) },
  };
}

function devices(resources: unknown): Record<string, unknown> {
  return Object.fromEntries(Object.entries(recordOf(resources)).filter(([name]) => name.includes('/')));
}

function ifAny(field: string, map: Readonly<Record<string, string>>): Record<string, unknown> {
  return Object.keys(map).length === 0 ? {} : { [field]: map };
}
