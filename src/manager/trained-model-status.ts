import { milliseconds, seconds } from '../core/clock.ts';
import type { Clock, EpochMs, Random } from '../core/clock.ts';
import type { InferenceService } from '../core/inference-service.ts';
import type { ObjectKey } from '../core/kubernetes.ts';
import { keyOf, objectKey, splitKey } from '../core/kubernetes.ts';
import type { Logger } from '../core/log.ts';
import { modelLoadedOf } from '../core/model-loaded.ts';
import type { ModelConfigPlan, WaitingModel } from '../core/model-config-plan.ts';
import { specHash } from '../core/model-marker.ts';
import { eventsBetween } from '../core/model-events.ts';
import { keyOfTrainedModel } from '../core/reconcile-keys.ts';
import { paceOf, verdictsOf } from '../core/status-pace.ts';
import { statusBeside, statusOf } from '../core/trained-model-status.ts';
import type { StatusFacts } from '../core/trained-model-status.ts';
import { describeAbsence, inferenceServiceOf, readTrainedModel } from '../core/trained-model.ts';
import type { TrainedModel } from '../core/trained-model.ts';
import { isSameReplica } from '../core/watched-pod.ts';
import type { ApiClient } from '../kube/api-client.ts';
import { TRAINED_MODELS } from '../kube/resources.ts';
import { createEventRecorder } from '../reconciler/event-recorder.ts';
import type { EventRecorder } from '../reconciler/event-recorder.ts';
import { createStatusWriter } from '../reconciler/status-writer.ts';
import { createTokenBucket } from '../reconciler/token-bucket.ts';
import { createAgentFollowers } from './agent-followers.ts';
import type { AgentFollowers } from './agent-followers.ts';
import { servesModels } from '../core/watched-pod.ts';
import type { ClusterListeners, ClusterView } from './cluster-view.ts';
import type { ManagerOptions } from './options.ts';
import { createPlacements } from './placements.ts';
import { createReconciling } from './reconciling.ts';
import type { Reconciling } from './reconciling.ts';
import { createStatusTurns } from './status-turns.ts';
import { createVerdictMemory } from './verdict-memory.ts';
import type { TrainedModelStatusObserver } from './metrics/status-metrics.ts';

export interface TrainedModelStatusOptions {
  readonly client: ApiClient;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly identity: string;
  /** `whole`: every condition, URL and address. `beside`: only ModelLoaded, the rest is KServe's controller's. */
  readonly scope: 'whole' | 'beside';
  /** Asked for only once a watch has shown something. */
  readonly view: () => ClusterView;
  readonly observe: TrainedModelStatusObserver;
}

/** Tells in each TrainedModel's status what has become of it; see docs/trained-model-status.md. */
export interface TrainedModelStatusController {
  readonly listeners: Pick<ClusterListeners, 'inferenceService' | 'trainedModel' | 'pod'>;
  /** Told of each plan that is made. */
  planned(key: ObjectKey, plan: ModelConfigPlan): void;
  /** Follows agents and writes until the signal aborts. Never rejects. */
  lead(signal: AbortSignal): Promise<void>;
}

const PACE = {
  // More would only take the API server's time from the lease.
  workers: 8,
  backoff: { base: milliseconds(250), cap: seconds(60) },
  resyncEvery: seconds(600),
};
/** Writes a second of what holds; the API server has other things to do. */
const WRITES = { perSecond: 200, burst: 200 };
const EVENTS_A_SECOND = { perSecond: 10, burst: 100 };

export function createTrainedModelStatus(options: TrainedModelStatusOptions): TrainedModelStatusController {
  const { view } = options;
  const placements = createPlacements();
  let leading: Leading | undefined;

  const look = (keys: Iterable<ObjectKey>): void => {
    if (leading === undefined) return;
    for (const key of keys) leading.reconciling.enqueue(key);
  };
  const modelsOf = (key: ObjectKey): ObjectKey[] =>
    [...view().trainedModelsByKey.group(key)].map((model) => keyOf(model));

  return {
    listeners: {
      inferenceService: (delta) => {
        if (delta.type !== 'synced') look(modelsOf(keyOf(delta.object)));
        if (delta.type === 'deleted') placements.forget(keyOf(delta.object));
      },
      trainedModel: (delta) => {
        if (delta.type === 'deleted') leading?.forget(keyOf(delta.object));
        else if (delta.type !== 'synced') look([keyOf(delta.object)]);
      },
      pod: (delta) => {
        if (delta.type === 'synced' || leading === undefined) return;
        const { followers } = leading;
        if (delta.type === 'deleted') followers.forget(delta.object);
        else followers.keep(delta.object);
        if (delta.type === 'updated' && isSameReplica(delta.previous, delta.object)) return;
        const { inferenceService = '', metadata } = delta.object;
        look(modelsOf(objectKey(metadata.namespace ?? '', inferenceService)));
      },
    },
    planned(key, plan) {
      const { namespace } = splitKey(key);
      look([...placements.planned(key, plan)].map((name) => objectKey(namespace, name)));
    },
    async lead(signal) {
      leading = newLeading(options, placements.waitingFor, (key, models) => {
        const { namespace } = splitKey(key);
        look(models === undefined ? modelsOf(key) : [...models].map((name) => objectKey(namespace, name)));
      });
      try {
        for (const pod of view().pods.cache.list()) leading.followers.keep(pod);
        await leading.reconciling.lead(signal);
      } finally {
        const { followers } = leading;
        leading = undefined;
        await followers.stop();
      }
    },
  };
}

/** What there is only while this replica leads. */
interface Leading {
  readonly reconciling: Reconciling;
  readonly followers: AgentFollowers;
  forget(key: ObjectKey): void;
}

/** Passes the events of a queue on, and knows how many keys wait in it. */
function depthObserver(observe: TrainedModelStatusObserver['queue']): {
  readonly observe: TrainedModelStatusObserver['queue'];
  depth(): number;
} {
  let depth = 0;
  return {
    depth: () => depth,
    observe(event) {
      if (event.type === 'depth') ({ depth } = event);
      observe(event);
    },
  };
}

type WaitingFor = (key: ObjectKey, name: string) => WaitingModel | 'placed' | undefined;

function newLeading(
  options: TrainedModelStatusOptions,
  waitingFor: WaitingFor,
  onChange: (key: ObjectKey, models: Iterable<string> | undefined) => void,
): Leading {
  const { client, clock, random, view, scope, observe } = options;
  const logger = options.logger.child({ part: 'status' });
  const modelsOf = (key: ObjectKey): string[] =>
    [...view().trainedModelsByKey.group(key)].map(({ metadata }) => metadata.name);
  const followers = createAgentFollowers({ clock, random, onChange, modelsOf });
  const writer = createStatusWriter({ client, clock, scope, observe: observe.written, ...WRITES });
  const turns = createStatusTurns(clock);
  const events = eventsFor(options);
  const memory = createVerdictMemory(clock);
  const queue = depthObserver(observe.queue);

  async function process(key: ObjectKey, signal: AbortSignal): Promise<void> {
    const model = view().trainedModels.cache.get(key);
    if (model === undefined || model.metadata.deletionTimestamp !== undefined) return;
    const now = clock.now();
    const facts = factsOf(model, view(), followers, waitingFor, now);
    if (facts === undefined) return;
    const stored = writer.newest(model);
    const wanted = (scope === 'whole' ? statusOf : statusBeside)(facts, stored.status, now);
    const { settled, lookAgainAt } = facts.loaded;
    const pace = paceOf({
      ...{ stored: stored.status, wanted, settled, now, doubtUntil: lookAgainAt },
      crowd: view().trainedModelsByKey.sizeOf(keyOfTrainedModel(model) ?? ''),
      since: memory.since(key, verdictsOf(wanted)),
      lastWriteAt: stored.writtenAt,
    });
    const again = Math.min(lookAgainAt ?? Infinity, pace.kind === 'wait' ? pace.until : Infinity);
    if (again !== Infinity) reconciling.enqueueAfter(key, milliseconds(Math.max(1, again - now)));
    if (pace.kind === 'nothing') memory.forget(key);
    if (pace.kind !== 'write' || pace.hurry) turns.release(key);
    if (pace.kind !== 'write') return;
    if (!pace.hurry && !turns.take(key, queue.depth())) {
      reconciling.enqueueAfter(key, turns.retryAfter());
      return;
    }
    await writer.write(model, wanted, signal);
    for (const event of eventsBetween(stored.status, wanted, inferenceServiceOf(model) ?? ''))
      events.record(model, event);
  }

  const reconciling = createReconciling({
    ...{ clock, random, logger, pace: PACE, process },
    observe: queue.observe,
    isUrgent: (key) => hasFailed(key, view(), followers),
    caches: [view().trainedModels, view().inferenceServices, view().pods],
    allKeys: () => [...view().trainedModels.cache.list()].map((model) => keyOf(model)),
  });
  return {
    reconciling,
    followers,
    forget(key) {
      memory.forget(key);
      turns.release(key);
      writer.forget(key);
    },
  };
}

function eventsFor({ client, clock, identity, observe }: TrainedModelStatusOptions): EventRecorder {
  const allowance = createTokenBucket({ ...EVENTS_A_SECOND, clock });
  return createEventRecorder({
    ...{ client, clock, resource: TRAINED_MODELS, identity, allowance, observe: observe.event },
  });
}

/** Undefined while it is not decided yet whether the model is placed: another look comes with the decision. */
function factsOf(
  model: TrainedModel,
  view: ClusterView,
  followers: AgentFollowers,
  waitingFor: WaitingFor,
  now: EpochMs,
): StatusFacts | undefined {
  const key = keyOfTrainedModel(model);
  const inferenceService = key === undefined ? undefined : view.inferenceServices.cache.get(key);
  const waiting = waitingOf(model, key, inferenceService, waitingFor);
  if (waiting === 'undecided') return undefined;
  const pods = key === undefined ? [] : [...view.podsByKey.group(key)].filter(servesModels);
  const views = followers.viewsOf(model.metadata.name, pods);
  const reading = readTrainedModel(model);
  const loaded = modelLoadedOf({
    waiting,
    pods: views,
    starting: pods.length - views.length,
    expected: reading.kind === 'usable' ? specHash(reading.entry.modelSpec) : '',
    now,
  });
  return { model, inferenceService, waiting, loaded, anyPodReady: pods.some(({ ready }) => ready) };
}

/** What fails is told before all that goes well: people wait for it, and it is little. */
function hasFailed(key: ObjectKey, view: ClusterView, followers: AgentFollowers): boolean {
  const model = view.trainedModels.cache.get(key);
  const service = model === undefined ? undefined : keyOfTrainedModel(model);
  if (model === undefined || service === undefined) return false;
  const views = followers.viewsOf(model.metadata.name, view.podsByKey.group(service));
  return views.some((replica) => replica.kind === 'told' && replica.model.phase === 'Failed');
}

function waitingOf(
  model: TrainedModel,
  key: ObjectKey | undefined,
  inferenceService: InferenceService | undefined,
  waitingFor: WaitingFor,
): WaitingModel | undefined | 'undecided' {
  const { name } = model.metadata;
  if (key === undefined || inferenceService === undefined) {
    const named = inferenceServiceOf(model);
    const message =
      named === undefined
        ? 'the model names no InferenceService: spec.inferenceService is missing or no text'
        : describeAbsence(named);
    return { name, reason: 'InferenceServiceNotFound', message };
  }
  const decided = waitingFor(key, name);
  return decided === 'placed' ? undefined : (decided ?? 'undecided');
}

/** The controller as the manager is told to have it. */
export function trainedModelStatusFor(parts: {
  readonly options: ManagerOptions;
  readonly client: ApiClient;
  readonly observe: TrainedModelStatusObserver;
  readonly view: () => ClusterView;
}): TrainedModelStatusController {
  const { options, client, observe, view } = parts;
  const { trainedModelStatus: scope, clock, random, logger, identity } = options;
  if (scope === 'off') return NO_TRAINED_MODEL_STATUS;
  return createTrainedModelStatus({ client, clock, random, logger, identity, scope, view, observe });
}

/** For those who want no status written: nothing is followed and nothing told. */
const NO_TRAINED_MODEL_STATUS: TrainedModelStatusController = {
  listeners: { inferenceService: () => undefined, trainedModel: () => undefined, pod: () => undefined },
  planned: () => undefined,
  lead: () => Promise.resolve(),
};
