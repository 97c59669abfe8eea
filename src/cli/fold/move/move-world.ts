import type { Milliseconds } from '../../../lib/clock.ts';
import { seconds } from '../../../lib/clock.ts';
import { systemClock } from '../../../lib/system-clock.ts';
import type { KubernetesObject } from '../../../contract/kubernetes.ts';
import { FOLD_ANNOTATIONS, LEAVING_LABEL, predictorName, REPLACES_LABEL } from '../../../contract/names.ts';
import {
  DEPLOYMENTS,
  ENDPOINT_SLICES,
  INFERENCE_SERVICES,
  PODS,
  TRAINED_MODELS,
} from '../../../kube/resources.ts';
import type { Resource } from '../../../kube/resources.ts';
import { createUnlessThere, deleteIfThere } from '../../../kube/unless-there.ts';
import type { ClusterConnection } from '../../cluster-connection.ts';
import { listObjects } from '../../cluster-snapshot.ts';
import type { Tolerance } from '../compare/compare-answers.decide.ts';
import { compareAnswers } from '../compare/compare.ts';
import type { RequestFile } from '../compare/request-files.ts';
import { endLeavingPods, takeOutOfService } from './leaving-pods.ts';
import type { MoveObjects } from './move-state.decide.ts';
import { byName } from './move-state.decide.ts';
import type { Move, MoveWorld } from './run-moves.ts';

/** Who the changed fields belong to. */
const FIELD_MANAGER = 'mms-fold';
/** kube-proxy, DNS and gateways follow EndpointSlices within about a second; requests that are under way need longer. */
const PAUSE = seconds(5);

interface MoveWorldOptions {
  readonly cluster: ClusterConnection;
  /** By model; undefined: answers are not compared. */
  readonly requests: ReadonlyMap<string, readonly RequestFile[]> | undefined;
  readonly tolerance: Tolerance;
  readonly say: (line: string) => void;
  readonly timeout: Milliseconds;
  readonly signal: AbortSignal;
}

/** Moves in a cluster. */
export function moveWorld(options: MoveWorldOptions): MoveWorld {
  const { cluster, say, timeout, signal } = options;
  return {
    ...{ say, timeout, signal, clock: systemClock },
    read: () => readMoveObjects(cluster),
    perform: (step, move) => {
      if (step.kind === 'scale') return scale(cluster, move, step.replicas);
      if (step.kind === 'note-replicas') return noteReplicas(cluster, move, step.replicas);
      return PERFORM[step.kind](options, move);
    },
  };
}

/** All objects of the namespace that moves are about. */
export async function readMoveObjects({ client, namespace }: ClusterConnection): Promise<MoveObjects> {
  const [services, models, deployments, slices, leaving] = await Promise.all([
    listObjects(client, INFERENCE_SERVICES, namespace),
    listObjects(client, TRAINED_MODELS, namespace),
    listObjects(client, DEPLOYMENTS, namespace),
    listObjects(client, ENDPOINT_SLICES, namespace, REPLACES_LABEL),
    listObjects(client, PODS, namespace, LEAVING_LABEL),
  ]);
  return {
    ...{ services: byName(services), models: byName(models), deployments: byName(deployments) },
    ...{ slices, leaving },
  };
}

type Performing = (options: MoveWorldOptions, move: Move) => ReturnType<MoveWorld['perform']>;
type Effect = Parameters<MoveWorld['perform']>[0]['kind'];

const PERFORM: Readonly<Record<Exclude<Effect, 'scale' | 'note-replicas'>, Performing>> = {
  'make-service': async ({ cluster }, { shared, service }) => {
    await make(cluster, INFERENCE_SERVICES, service);
    return told(`InferenceService ${shared} made`);
  },
  'make-model': async ({ cluster }, { shared, model }) => {
    await make(cluster, TRAINED_MODELS, model);
    return told(`TrainedModel made, in InferenceService ${shared}`);
  },
  compare,
  lead: async ({ cluster }, { name }) => {
    await annotate(cluster, name, { [FOLD_ANNOTATIONS.replaces]: name });
    return told('its Service is to lead to the shared pods as well');
  },
  release: async ({ cluster }, { name }) => {
    const gone = { [FOLD_ANNOTATIONS.replaces]: '', [FOLD_ANNOTATIONS.replicasBefore]: null };
    await annotate(cluster, name, gone);
    return told('its Service is to lead to its own pods alone');
  },
  drain: async ({ signal }) => {
    await systemClock.sleep(PAUSE, signal);
    return { ...told('nobody is led to the shared pods any more'), found: { drained: true } };
  },
  settle: async ({ signal }) => {
    await systemClock.sleep(PAUSE, signal);
    return { ...told('its Service leads to its own pods again'), found: { settled: true } };
  },
  finish: async ({ signal }) => {
    await systemClock.sleep(PAUSE, signal);
    return { ...told('its own pods have answered what they were asked'), found: { drained: true } };
  },
  'end-pods': async ({ cluster }, { name }) => told(await endLeavingPods(cluster, name)),
  'delete-model': async ({ cluster: { client, namespace } }, { name }) => {
    await deleteIfThere(client, TRAINED_MODELS, { namespace, name });
    return told('its TrainedModel deleted');
  },
  forget: async ({ cluster }, { name }) => {
    await annotate(cluster, name, { [FOLD_ANNOTATIONS.replaces]: null });
    return told('its TrainedModel is left, which --apply has not made: delete it where it comes from');
  },
  'delete-service': async ({ cluster: { client, namespace } }, { shared }) => {
    await deleteIfThere(client, INFERENCE_SERVICES, { namespace, name: shared });
    return told(`InferenceService ${shared} deleted, which has no models any more`);
  },
};

async function noteReplicas(
  cluster: ClusterConnection,
  { name }: Move,
  replicas: number,
): ReturnType<MoveWorld['perform']> {
  await annotate(cluster, name, { [FOLD_ANNOTATIONS.replicasBefore]: String(replicas) });
  return told(`it has ${replicas} ${replicas === 1 ? 'pod' : 'pods'} of its own, which is noted for --undo`);
}

async function scale(
  { client, namespace }: ClusterConnection,
  { name }: Move,
  replicas: number,
): ReturnType<MoveWorld['perform']> {
  const reference = { namespace, name: predictorName(name) };
  const taken = replicas === 0 ? await takeOutOfService({ client, namespace }, name) : '';
  const patch = { type: 'merge', body: { spec: { replicas } } } as const;
  await client.patch(DEPLOYMENTS, reference, patch, { fieldManager: FIELD_MANAGER });
  return told(`Deployment ${reference.name} scaled to ${replicas}${taken}`);
}

async function compare(
  { cluster, requests, tolerance, signal }: MoveWorldOptions,
  { name }: Move,
): ReturnType<MoveWorld['perform']> {
  const alike = { found: { alike: true } };
  if (requests === undefined) return { ...told('answers are not compared, as you asked'), ...alike };
  const comparisons = await compareAnswers(cluster, requests, { names: [name], tolerance, signal });
  const bad = comparisons.find(({ difference }) => difference !== undefined);
  if (bad?.difference !== undefined) {
    const { code, message } = bad.difference;
    return {
      kind: 'stopped',
      code,
      message: bad.request === undefined ? message : `${bad.request}: ${message}`,
    };
  }
  const count = comparisons.length;
  if (count === 0)
    return { kind: 'stopped', code: 'NothingCompared', message: 'there was nothing to compare' };
  return { ...told(`answers are alike (${count} ${count === 1 ? 'request' : 'requests'})`), ...alike };
}

function told(text: string): { readonly kind: 'done'; readonly told: string } {
  return { kind: 'done', told: text };
}

/** Of two runs that were cut short, one has made it already. */
async function make<T extends KubernetesObject>(
  { client, namespace }: ClusterConnection,
  resource: Resource<T>,
  object: KubernetesObject | undefined,
): Promise<void> {
  if (object === undefined) return;
  const within = { ...object, metadata: { ...object.metadata, namespace } } as T;
  await createUnlessThere(client, resource, within, { fieldManager: FIELD_MANAGER });
}

async function annotate(
  { client, namespace }: ClusterConnection,
  name: string,
  annotations: Readonly<Record<string, string | null>>,
): Promise<void> {
  const patch = { type: 'merge', body: { metadata: { annotations } } } as const;
  await client.patch(TRAINED_MODELS, { namespace, name }, patch, { fieldManager: FIELD_MANAGER });
}
