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

/** Which models answered when the server was asked, and how things stood when the question was put. */
interface ServerIndex {
  readonly ready: ReadonlyMap<string, boolean>;
  readonly askedAt: ReadonlyMap<string, number>;
}

/**
 * Keeps every model moving from what is to what should be. Level-triggered: each call only says what is known now, and
 * the next operation of a model follows from that.
 */
export interface Engine {
  /** Takes over what a restarted agent found on disk; before models are desired. */
  adopt(found: ReadonlyMap<string, StoredModel>): void;
  /** How many bytes such a model has on disk; nothing where other files have come since. */
  foundBytes(name: string, bytes: number): void;
  /** The set of models to serve; all others are unloaded and removed. */
  setDesired(models: ModelSet): void;
  /** @param loadsAllAtStart the next one like it loads whatever lies in the model directory */
  serverUp(loadsAllAtStart: boolean): void;
  serverGone(): void;
  /** `servedRevision` of every model now, to be given back with the index that is asked for. */
  revisions(): ReadonlyMap<string, number>;
  applyIndex(index: ServerIndex): void;
  models(): Iterable<Readonly<TrackedModel>>;
  /** Decides again for some models: where they should be has changed. */
  consider(names: Iterable<string>): void;
  /** Ends all fetches and starts nothing more; the model server keeps what it has. */
  stop(): void;
}

/** Makes an engine that knows no model and believes the server to be away. */
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
    // What is out of the server's sight was unloaded before: with thousands asleep, only the others need be asked for.
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

/** Gives every model what is desired of it; returns those for which that has changed. */
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

/** Its load was under way, or was broken off a moment ago. */
function wasLoading({ loading, failure }: TrackedModel): boolean {
  return loading || (failure?.serverAway === true && failure.step === 'load');
}

/** A server that answers again starts with a clean record; models that it refused do not. */
function forgetServerFailure(model: TrackedModel): void {
  if (model.failure?.serverAway === true) model.failure = undefined;
  if (model.fallbackFailure?.serverAway === true) model.fallbackFailure = undefined;
}

/** True when the index told something new. */
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

/** Comes back to a model when the earliest of its waits is over. */
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
