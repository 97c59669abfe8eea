import { aborted } from '../../lib/abort.ts';
import { milliseconds, seconds } from '../../lib/clock.ts';
import type { Clock, Milliseconds, MonotonicMs, Random } from '../../lib/clock.ts';
import type { InferenceService } from '../../contract/inference-service.ts';
import { keyOf, type ObjectKey, objectKey, splitKey } from '../../contract/kubernetes.ts';
import type { Logger } from '../../lib/log.ts';
import { modelLoadedOf } from '../../contract/model-loaded.ts';
import type { WaitingModel } from '../../contract/model-config-plan.ts';
import { specHash } from '../../contract/model-marker.ts';
import { eventsBetween } from './model-events.decide.ts';
import { keyOfTrainedModel } from '../../contract/reconcile-keys.ts';
import { decideStatusWrite, conditionSummary } from './status-pace.decide.ts';
import { type StatusFacts, statusBeside, statusOf } from '../../contract/trained-model-status.ts';
import { describeAbsence, inferenceServiceOf, readTrainedModel } from '../../contract/trained-model.ts';
import type { TrainedModel } from '../../contract/trained-model.ts';
import { isSameReplica, servesModels, type WatchedPod } from '../../contract/watched-pod.ts';
import type { ApiClient } from '../../kube/api-client.ts';
import type { Delta } from '../../kube/reflector-types.ts';
import { INFERENCE_SERVICES, type Resource, TRAINED_MODELS } from '../../kube/resources.ts';
import { createBreather } from '../../lib/breather.ts';
import { createEventAllowance } from './event-allowance.ts';
import { createEventRecorder } from './event-recorder.ts';
import { createResidencyDoubts } from './residency-doubts.ts';
import type { EventOutcome, EventRecorder } from './event-recorder.ts';
import { createStatusWriter, type StatusWriteOutcome } from './status-writer.ts';
import { createAgentFollowers } from './agent-followers.ts';
import type { AgentFollowers, AgentObserver } from './agent-followers.ts';
import type { ClusterView } from '../../kube/cluster-view.ts';
import type { Controller } from '../controller.ts';
import type { Sharer } from '../fair-queue.ts';
import type { WorkQueueEvent } from '../work-queue.ts';
import type { PlanListener } from '../models/model-config-controller.ts';
import { createPlacements } from '../models/placements.ts';
import { createControllerQueue } from '../controller-queue.ts';
import type { ControllerQueue } from '../controller-queue.ts';
import { createStatusLooks, restAfter } from './status-looks.ts';
import type { StatusLooks } from './status-looks.ts';
import { createStatusWriteLimiter } from './status-write-limiter.ts';
import { createStatusDebounce } from './status-debounce.ts';

interface TrainedModelStatusOptions {
  readonly client: ApiClient;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly identity: string;
  /** `whole`: every condition, URL and address. `beside`: only ModelLoaded; KServe's controller writes the rest. */
  readonly scope: 'whole' | 'beside';
  readonly view: ClusterView;
  /** Adds a listener of each plan. */
  readonly onPlan: (listener: PlanListener) => void;
  readonly observe: TrainedModelStatusObserver;
}

/** What the controller reports for metrics. */
export interface TrainedModelStatusObserver {
  readonly written: (outcome: StatusWriteOutcome) => void;
  readonly event: (outcome: EventOutcome) => void;
  readonly agent: AgentObserver;
  readonly queue: (event: WorkQueueEvent<ObjectKey>) => void;
}

const PACE = {
  // More would only take API server time from the lease.
  workers: 8,
  backoff: { base: milliseconds(250), cap: seconds(60) },
  resyncEvery: seconds(600),
};
/** Writes of lasting states a second; the API server has other work to do. */
const WRITES = { perSecond: 200, burst: 200 };

/** Writes the status of each TrainedModel; see docs/trained-model-status.md. */
export function createTrainedModelStatus(options: TrainedModelStatusOptions): Controller {
  const { view } = options;
  const { inferenceServices, trainedModels, pods } = view;
  const placements = createPlacements();
  let leading: Leading | undefined;

  inferenceServices.subscribe((delta) => {
    if (delta.type !== 'synced') leading?.looks.changed(keyOf(delta.object), undefined);
    if (delta.type === 'deleted') placements.forget(keyOf(delta.object));
  });
  trainedModels.subscribe((delta) => {
    if (delta.type === 'synced') return;
    leading?.notifyFollowers(delta);
    if (delta.type === 'deleted') leading?.forget(keyOf(delta.object));
    else leading?.reconciling.enqueue(keyOf(delta.object));
  });
  pods.subscribe((delta) => {
    if (delta.type === 'synced' || leading === undefined) return;
    const { followers } = leading;
    if (delta.type === 'deleted') followers.forget(delta.object);
    else followers.keep(delta.object);
    if (delta.type === 'updated' && isSameReplica(delta.previous, delta.object)) return;
    const { inferenceService = '', metadata } = delta.object;
    leading.looks.changed(objectKey(metadata.namespace ?? '', inferenceService), undefined);
  });
  const doubts = createResidencyDoubts(eventsFor(options, INFERENCE_SERVICES));
  options.onPlan((key, plan) => {
    doubts.looked(key, inferenceServices.cache.get(key));
    const changed = [...placements.planned(key, plan)];
    if (changed.length > 0) leading?.looks.changed(key, changed);
  });

  return {
    async lead(signal) {
      // Reports of models that are not known yet would be dropped.
      const { synced, cache } = trainedModels;
      await Promise.race([synced, aborted(signal)]).catch(() => undefined);
      if (signal.aborted || !cache.synced) return;
      leading = newLeading(options, placements.waitingFor, signal);
      try {
        for (const pod of pods.cache.list()) leading.followers.keep(pod);
        await leading.reconciling.lead(signal);
      } finally {
        const { followers } = leading;
        leading = undefined;
        await followers.stop();
      }
    },
  };
}

/** Exists only while this replica leads. */
interface Leading {
  readonly reconciling: ControllerQueue;
  readonly followers: AgentFollowers;
  readonly looks: StatusLooks;
  /** Followers keep reports only of existing models. */
  notifyFollowers(delta: Exclude<Delta<TrainedModel>, { readonly type: 'synced' }>): void;
  forget(key: ObjectKey): void;
}

type WaitingFor = (key: ObjectKey, name: string) => WaitingModel | 'placed' | undefined;

function newLeading(
  options: TrainedModelStatusOptions,
  waitingFor: WaitingFor,
  signal: AbortSignal,
): Leading {
  const { client, clock, random, view, scope, observe } = options;
  const logger = options.logger.child({ part: 'status' });
  const modelsOf = (key: ObjectKey): string[] =>
    [...view.trainedModelsByKey.group(key)].map(({ metadata }) => metadata.name);
  const breathe = createBreather(clock);
  const looks = createStatusLooks({
    ...{ clock, signal, modelsOf, breathe },
    podsOf: (key) => view.podsByKey.sizeOf(key),
    look: (key, name) => reconciling.enqueue(objectKey(splitKey(key).namespace, name)),
  });
  const followers = followersFor(options, logger, looks, modelsOf);
  const writer = createStatusWriter({ client, clock, scope, observe: observe.written, ...WRITES });
  const turns = createStatusWriteLimiter(clock);
  const events = eventsFor(options, TRAINED_MODELS);
  const memory = createStatusDebounce(clock);
  const parts: StatusCheck = {
    ...{ options, followers, waitingFor, writer, turns, events, memory },
    depthOf: (namespace) => reconciling.depthOf(namespace),
  };

  async function process(key: ObjectKey, signal: AbortSignal): Promise<void> {
    await breathe();
    const again = await checkStatus(key, parts, signal);
    if (again !== undefined) reconciling.enqueueAfter(key, laterIfLarge(again, key, view));
  }

  const reconciling = createControllerQueue({
    ...{ clock, random, logger, pace: PACE, process },
    observe: observe.queue,
    isUrgent: (key) => hasFailed(key, view, followers),
    sharerOf: (key) => sharerOf(key, view),
    caches: [view.trainedModels, view.inferenceServices, view.pods],
    allKeys: () => [...view.trainedModels.cache.list()].map((model) => keyOf(model)),
  });
  return {
    reconciling,
    followers,
    looks,
    notifyFollowers: (delta) => notifyFollowers(followers, view, delta),
    forget(key) {
      memory.forget(key);
      turns.release(key);
      writer.forget(key);
    },
  };
}

/** What one check of a TrainedModel needs. */
interface StatusCheck {
  readonly options: TrainedModelStatusOptions;
  readonly followers: AgentFollowers;
  readonly waitingFor: WaitingFor;
  readonly writer: ReturnType<typeof createStatusWriter>;
  readonly turns: ReturnType<typeof createStatusWriteLimiter>;
  readonly events: ReturnType<typeof eventsFor>;
  readonly memory: ReturnType<typeof createStatusDebounce>;
  /** How many models of a namespace wait for a check. */
  readonly depthOf: (namespace: string) => number;
}

/** Writes the status if it is due. Resolves with the time of the next check, if known. */
async function checkStatus(
  key: ObjectKey,
  { options, followers, waitingFor, writer, turns, events, memory, depthOf }: StatusCheck,
  signal: AbortSignal,
): Promise<Milliseconds | undefined> {
  const { clock, view, scope } = options;
  const model = view.trainedModels.cache.get(key);
  if (model === undefined || model.metadata.deletionTimestamp !== undefined) {
    turns.release(key);
    return undefined;
  }
  const now = clock.monotonic();
  const facts = factsOf(model, view, followers, waitingFor, now);
  if (facts === undefined) return undefined;
  const stored = writer.newest(model);
  const wanted = (scope === 'whole' ? statusOf : statusBeside)(facts, stored.status, clock.now());
  const { settled, lookAgainAt } = facts.loaded;
  const pace = decideStatusWrite({
    ...{ stored: stored.status, wanted, settled, now, graceUntil: lookAgainAt },
    modelCount: view.trainedModelsByKey.sizeOf(keyOfTrainedModel(model) ?? ''),
    since: memory.since(key, conditionSummary(wanted)),
    lastWriteAt: stored.writtenAt,
  });
  const at = Math.min(lookAgainAt ?? Infinity, pace.kind === 'wait' ? pace.until : Infinity);
  const again = at === Infinity ? undefined : milliseconds(Math.max(1, at - now));
  if (pace.kind === 'nothing') memory.forget(key);
  if (pace.kind !== 'write' || pace.urgent) turns.release(key);
  if (pace.kind !== 'write') return again;
  if (!pace.urgent && !turns.take(key, depthOf(splitKey(key).namespace))) {
    const turn = turns.retryAfter(key);
    return again === undefined || turn < again ? turn : again;
  }
  await writer.write(model, wanted, signal);
  for (const event of eventsBetween(stored.status, wanted, inferenceServiceOf(model) ?? ''))
    events.record(model, event);
  return again;
}

function followersFor(
  { clock, random, view, observe }: TrainedModelStatusOptions,
  logger: Logger,
  { changed: onChange }: StatusLooks,
  modelsOf: (key: ObjectKey) => string[],
): AgentFollowers {
  return createAgentFollowers({
    ...{ clock, random, onChange, modelsOf, logger, observe: observe.agent },
    isModelOf: (key, name) => {
      const model = view.trainedModels.cache.get(objectKey(splitKey(key).namespace, name));
      return model !== undefined && keyOfTrainedModel(model) === key;
    },
  });
}

function notifyFollowers(
  followers: AgentFollowers,
  view: ClusterView,
  delta: Exclude<Delta<TrainedModel>, { readonly type: 'synced' }>,
): void {
  const podsOf = (model: TrainedModel): Iterable<WatchedPod> =>
    view.podsByKey.group(keyOfTrainedModel(model) ?? '');
  const { name } = delta.object.metadata;
  if (delta.type === 'deleted') followers.modelGone(name, podsOf(delta.object));
  else if (delta.type === 'added') followers.modelAppeared(podsOf(delta.object));
  else if (keyOfTrainedModel(delta.previous) !== keyOfTrainedModel(delta.object)) {
    followers.modelGone(name, podsOf(delta.previous));
    followers.modelAppeared(podsOf(delta.object));
  }
}

function eventsFor(
  { client, clock, identity, observe }: TrainedModelStatusOptions,
  resource: Resource,
): EventRecorder {
  const allowance = createEventAllowance(clock);
  return createEventRecorder({
    ...{ client, clock, resource, identity, allowance, observe: observe.event },
  });
}

/** Undefined before the first decision on the model's placement, which triggers another check. */
function factsOf(
  model: TrainedModel,
  view: ClusterView,
  followers: AgentFollowers,
  waitingFor: WaitingFor,
  now: MonotonicMs,
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

/** Failures are reported before anything else: users wait for them, and they are few. */
function hasFailed(key: ObjectKey, view: ClusterView, followers: AgentFollowers): boolean {
  const model = view.trainedModels.cache.get(key);
  const service = model === undefined ? undefined : keyOfTrainedModel(model);
  if (model === undefined || service === undefined) return false;
  return followers.hasFailed(model.metadata.name, view.podsByKey.group(service));
}

/** Models of one InferenceService take turns with those of others, as their pods do. */
function sharerOf(key: ObjectKey, view: ClusterView): Sharer {
  const model = view.trainedModels.cache.get(key);
  const inferenceService = (model && inferenceServiceOf(model)) ?? '';
  return { namespace: splitKey(key).namespace, inferenceService };
}

/**
 * Each of a thousand pods that fall silent one after the other schedules another check of every model. All models of an
 * InferenceService are checked no more often than when their pods report changes.
 */
function laterIfLarge(span: Milliseconds, key: ObjectKey, view: ClusterView): Milliseconds {
  const model = view.trainedModels.cache.get(key);
  const service = (model && keyOfTrainedModel(model)) ?? '';
  const rest = restAfter(view.trainedModelsByKey.sizeOf(service), view.podsByKey.sizeOf(service));
  return rest > span ? rest : span;
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
        ? 'the model names no InferenceService: spec.inferenceService is missing or not a string'
        : describeAbsence(named);
    return { name, reason: 'InferenceServiceNotFound', message };
  }
  const decided = waitingFor(key, name);
  return decided === 'placed' ? undefined : (decided ?? 'undecided');
}
