import type { EpochMs, MonotonicMs } from '../../lib/clock.ts';
import type { ModelSet } from '../config/desired-models.decide.ts';
import { meansSameSpec } from '../../contract/model-config.ts';
import { specHash } from '../../contract/model-marker.ts';
import { ABSENT, decideFetch, decideServe, type ServedModel } from './model-operations.decide.ts';
import { milliseconds } from '../../lib/clock.ts';
import type { StoredModel } from '../model-store.ts';
import { createSlots } from '../slots.ts';
import type { EngineContext, EngineDeps } from './context.ts';
import { abortObsoleteFetch, startFetch } from './fetch-lane.ts';
import { startServe } from './serve-lane.ts';
import {
  newTrackedModel,
  unseenModel,
  refreshPhase,
  setServed,
  setDesired,
  type TrackedModel,
  viewOf,
} from './tracked-model.ts';

/** Which models answered the server's index request, and the revisions when the request was sent. */
interface ServerIndex {
  readonly ready: ReadonlyMap<string, boolean>;
  readonly askedAt: ReadonlyMap<string, number>;
}

/**
 * Moves every model from its current to its desired state. Level-triggered: each call only reports the current facts,
 * and the next operation of a model follows from them.
 */
export interface Engine {
  /** Takes over the models that a restarted agent found on disk. Call it before setDesired. */
  adopt(found: ReadonlyMap<string, StoredModel>): void;
  /** The bytes of such a model on disk. Ignored if its files have been replaced since. */
  foundBytes(name: string, bytes: number): void;
  /** The set of models to serve; all others are unloaded and removed. */
  setDesired(models: ModelSet): void;
  /** @param loadsAllAtStart whether such a server loads all of the model directory when it restarts */
  serverUp(loadsAllAtStart: boolean): void;
  serverGone(): void;
  /** The current `servedRevision` of every model. Pass it back with the index requested after this call. */
  revisions(): ReadonlyMap<string, number>;
  applyIndex(index: ServerIndex): void;
  models(): Iterable<Readonly<TrackedModel>>;
  /** Runs the decision again for models whose residence has changed. */
  consider(names: Iterable<string>): void;
  /** Cancels all fetches and starts nothing more. The model server keeps its models. */
  stop(): void;
}

/** Makes an engine with no models that takes the server to be down. */
export function createEngine(deps: EngineDeps): Engine {
  const table = new Map<string, TrackedModel>();
  const stopping = new AbortController();
  let up = false;
  const slow = { clock: deps.clock, after: deps.limits.slowAfter };
  const context: EngineContext = {
    ...deps,
    fetchSlots: createSlots(deps.limits.fetches, slow),
    loadSlots: createSlots(deps.limits.loads, slow),
    stopping: stopping.signal,
    serverUp: () => up,
    serverGone: () => engine.serverGone(),
    reconcileModel: (model) => reconcileModel(context, table, model),
  };
  const considerAll = () => {
    for (const model of [...table.values()]) context.reconcileModel(model);
  };
  const engine: Engine = {
    models: () => table.values(),
    // Hidden models were unloaded before. With thousands asleep, it is enough to ask for the others.
    revisions: () =>
      new Map(
        [...table].filter(([, { parked }]) => !parked).map(([name, model]) => [name, model.servedRevision]),
      ),
    stop: () => stopping.abort(),
    consider: (names) => {
      for (const name of names) considerOne(context, table.get(name));
    },
    adopt: (found) => {
      for (const [name, stored] of found) table.set(name, newTrackedModel(name, stored, deps.clock.now()));
    },
    foundBytes: (name, bytes) => takeBytes(context, table.get(name), bytes),
    setDesired: (models) => {
      for (const model of applyDesired(table, models, deps.store.notedHash, deps.clock.now()))
        context.reconcileModel(model);
    },
    serverUp: (loadsAllAtStart) => {
      up = true;
      for (const model of table.values()) forgetServerFailure(model);
      deps.residence.serverUp(loadsAllAtStart);
      considerAll();
    },
    serverGone: () => {
      const wasUp = up;
      up = false;
      if (wasUp) deps.residence.serverGone([...table.values()].filter(wasLoading).map(({ name }) => name));
      for (const model of table.values()) {
        if (model.served.kind !== 'absent') setServed(model, ABSENT);
      }
      considerAll();
    },
    applyIndex: (index) => {
      for (const model of [...table.values()]) {
        if (applyIndexTo(model, index)) context.reconcileModel(model);
      }
    },
  };
  return engine;
}

function considerOne(context: EngineContext, model: TrackedModel | undefined): void {
  if (model !== undefined) context.reconcileModel(model);
}

function takeBytes({ residence }: EngineContext, model: TrackedModel | undefined, bytes: number): void {
  if (model?.stored === undefined || model.bytes > 0) return;
  model.bytes = bytes;
  residence.observed(model);
}

/** Sets the desired version of every model and returns the models for which it changed. */
function applyDesired(
  table: Map<string, TrackedModel>,
  models: ModelSet,
  notedHash: (name: string) => string | undefined,
  now: EpochMs,
): TrackedModel[] {
  const changed: TrackedModel[] = [];
  for (const [name, spec] of models) {
    let model = table.get(name);
    if (model === undefined) table.set(name, (model = unseenModel(name, notedHash(name), now)));
    if (setDesired(model, spec, now)) changed.push(model);
  }
  for (const model of table.values()) {
    if (!models.has(model.name) && setDesired(model, undefined, now)) changed.push(model);
  }
  return changed;
}

/** Its load was running, or broke off a moment ago. */
function wasLoading({ loading, failure }: TrackedModel): boolean {
  return loading || (failure?.serverAway === true && failure.step === 'load');
}

/** When a server answers again, failures of its absence are forgotten. Refusals stay. */
function forgetServerFailure(model: TrackedModel): void {
  if (model.failure?.serverAway === true) model.failure = undefined;
  if (model.fallbackFailure?.serverAway === true) model.fallbackFailure = undefined;
}

/** True if the index changed what is known. */
function applyIndexTo(model: TrackedModel, { ready, askedAt }: ServerIndex): boolean {
  if (model.serve !== 'none' || askedAt.get(model.name) !== model.servedRevision) return false;
  const served = servedAfter(model, ready.get(model.name) === true);
  if (served.kind === model.served.kind) return false;
  setServed(model, served);
  return true;
}

function servedAfter(model: TrackedModel, answers: boolean): ServedModel {
  if (!answers) return ABSENT;
  if (model.served.kind === 'loaded') return model.served;
  const { stored, loadedHash } = model;
  if (stored === undefined || loadedHash !== specHash(stored)) return { kind: 'unknown' };
  return { kind: 'loaded', spec: stored };
}

function reconcileModel(context: EngineContext, table: Map<string, TrackedModel>, model: TrackedModel): void {
  if (context.stopping.aborted || table.get(model.name) !== model) return;
  const now = context.clock.monotonic();
  model.residence = context.residence.of(model.name);
  model.tooLarge = context.residence.tooLarge(model.name);
  abortObsoleteFetch(model);
  dropObsoleteStaging(context, model);
  const waits: MonotonicMs[] = [];
  if (model.fetch === undefined) {
    const operation = decideFetch(viewOf(model), context.serverUp(), now);
    if (operation.kind === 'pull') startFetch(context, model, operation.spec);
    else if (operation.kind === 'wait') waits.push(operation.until);
  }
  if (model.serve === 'none') {
    const operation = decideServe(viewOf(model), context.serverUp(), now);
    if (operation.kind === 'wait') waits.push(operation.until);
    else if (operation.kind !== 'idle') startServe(context, model, operation);
    else if (isForgotten(model)) {
      forget(context, table, model);
      return;
    }
  }
  wakeAt(context, model, waits);
  refreshPhase(model, context.clock.now());
  context.observer.changed(model);
  context.residence.observed(model);
}

function dropObsoleteStaging({ store, log }: EngineContext, model: TrackedModel): void {
  const { staged, desired } = model;
  if (staged === undefined || model.serve === 'running') return;
  if (desired !== undefined && meansSameSpec(staged.spec, desired)) return;
  model.staged = undefined;
  store
    .discard(staged.path)
    .catch((thrown: unknown) => log.warn({ model: model.name, thrown }, 'discard failed'));
}

function isForgotten(model: TrackedModel): boolean {
  return (
    model.desired === undefined &&
    model.fetch === undefined &&
    model.served.kind === 'absent' &&
    model.stored === undefined &&
    model.previous === undefined
  );
}

function forget(context: EngineContext, table: Map<string, TrackedModel>, model: TrackedModel): void {
  model.wake?.abort.abort();
  table.delete(model.name);
  context.observer.forgotten(model.name);
  context.residence.forgotten(model.name);
}

/** Runs the decision again when the earliest wait of a model is over. */
function wakeAt(context: EngineContext, model: TrackedModel, waits: readonly MonotonicMs[]): void {
  const at = waits.length === 0 ? undefined : (Math.min(...waits) as MonotonicMs);
  if (model.wake?.at === at) return;
  model.wake?.abort.abort();
  model.wake = undefined;
  if (at === undefined) return;
  const abort = new AbortController();
  model.wake = { at, abort };
  const signal = AbortSignal.any([abort.signal, context.stopping]);
  void context.clock.sleep(milliseconds(Math.max(0, at - context.clock.monotonic())), signal).then(() => {
    if (signal.aborted) return;
    model.wake = undefined;
    context.reconcileModel(model);
  });
}
