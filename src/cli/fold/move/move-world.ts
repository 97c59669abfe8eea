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

/** The owner of the changed fields. */
const FIELD_MANAGER = 'mms-fold';
/** kube-proxy, DNS and gateways follow EndpointSlices within about a second; open requests need longer. */
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

/** Carries out moves in a cluster. */
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

/** All objects of the namespace that moves read or change. */
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
    return done(`InferenceService ${shared} made`);
  },
  'make-model': async ({ cluster }, { shared, model }) => {
    await make(cluster, TRAINED_MODELS, model);
    return done(`TrainedModel made, in InferenceService ${shared}`);
  },
  compare,
  lead: async ({ cluster }, { name }) => {
    await annotate(cluster, name, { [FOLD_ANNOTATIONS.replaces]: name });
    return done('its Service will also route to the shared pods');
  },
  release: async ({ cluster }, { name }) => {
    const gone = { [FOLD_ANNOTATIONS.replaces]: '', [FOLD_ANNOTATIONS.replicasBefore]: null };
    await annotate(cluster, name, gone);
    return done('its Service will route only to its own pods');
  },
  drain: async ({ signal }) => {
    await systemClock.sleep(PAUSE, signal);
    return { ...done('no requests are routed to the shared pods any more'), found: { drained: true } };
  },
  settle: async ({ signal }) => {
    await systemClock.sleep(PAUSE, signal);
    return { ...done('its Service routes to its own pods again'), found: { settled: true } };
  },
  finish: async ({ signal }) => {
    await systemClock.sleep(PAUSE, signal);
    return { ...done('its own pods have answered their open requests'), found: { drained: true } };
  },
  'end-pods': async ({ cluster }, { name }) => done(await endLeavingPods(cluster, name)),
  'delete-model': async ({ cluster: { client, namespace } }, { name }) => {
    await deleteIfThere(client, TRAINED_MODELS, { namespace, name });
    return done('its TrainedModel deleted');
  },
  forget: async ({ cluster }, { name }) => {
    await annotate(cluster, name, { [FOLD_ANNOTATIONS.replaces]: null });
    return done('its TrainedModel stays, because --apply did not make it: delete it at its source');
  },
  'delete-service': async ({ cluster: { client, namespace } }, { shared }) => {
    await deleteIfThere(client, INFERENCE_SERVICES, { namespace, name: shared });
    return done(`InferenceService ${shared} deleted, because it has no more models`);
  },
};

async function noteReplicas(
  cluster: ClusterConnection,
  { name }: Move,
  replicas: number,
): ReturnType<MoveWorld['perform']> {
  await annotate(cluster, name, { [FOLD_ANNOTATIONS.replicasBefore]: String(replicas) });
  return done(`it has ${replicas} ${replicas === 1 ? 'pod' : 'pods'} of its own, recorded for --undo`);
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
  return done(`Deployment ${reference.name} scaled to ${replicas}${taken}`);
}

async function compare(
  { cluster, requests, tolerance, signal }: MoveWorldOptions,
  { name }: Move,
): ReturnType<MoveWorld['perform']> {
  const alike = { found: { alike: true } };
  if (requests === undefined) return { ...done('answers are not compared, as you asked'), ...alike };
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
  return { ...done(`answers are alike (${count} ${count === 1 ? 'request' : 'requests'})`), ...alike };
}

function done(text: string): { readonly kind: 'done'; readonly text: string } {
  return { kind: 'done', text };
}

/** An interrupted run may have made it already. */
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
