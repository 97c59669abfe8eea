import { retryDelay, type RetryPace } from './retry-pace.decide.ts';
import { type EpochMs, milliseconds, type MonotonicMs } from '../../lib/clock.ts';
import { messageOf } from '../../lib/errors.ts';
import { meansSameSpec, type ModelSpec } from '../../contract/model-config.ts';
import { ABSENT, decideServe, type ModelFailure, type ServeOperation } from './model-operations.decide.ts';
import type { ServerAnswer } from '../model-server/adapter.ts';
import type { EngineContext } from './context.ts';
import { setServed, type TrackedModel, viewOf } from './tracked-model.ts';

/** After this many refused loads the files are fetched again: the source may have been fixed under the same URI. */
const REFUSALS_BEFORE_REFETCH = 3;

/** The placeholder for a model that is being removed and has no version. */
const NO_SPEC: ModelSpec = { storageUri: '', framework: '', memory: '0' };

type Operation = Exclude<ServeOperation, { kind: 'idle' } | { kind: 'wait' }>;

/** Runs one operation on a model's files or on the model server. The caller ensures that no other one runs. */
export function startServe(context: EngineContext, model: TrackedModel, operation: Operation): void {
  model.serve = operation.kind === 'load' || operation.kind === 'unload' ? 'queued' : 'running';
  context.log.debug({ model: model.name, operation: operation.kind, reason: operation.reason }, 'operation');
  void perform(context, model, operation)
    .catch((thrown: unknown) => {
      fail(context, model, model.desired ?? model.stored, { ...diskFault(thrown), pace: 'soon' });
    })
    .finally(() => {
      model.serve = 'none';
      context.reconcileModel(model);
    });
}

async function perform(context: EngineContext, model: TrackedModel, operation: Operation): Promise<void> {
  // A tree stays in place while it is being committed.
  if (operation.kind !== 'load' && operation.kind !== 'unload') await model.committing;
  switch (operation.kind) {
    case 'install':
      return install(context, model);
    case 'goBack':
      return goBack(context, model);
    case 'load':
      return withLoadSlot(context, model, 'load', (answered) =>
        load(context, model, operation.spec, answered),
      );
    case 'unload':
      return withLoadSlot(context, model, 'unload', () => unload(context, model));
    case 'withdraw':
      return withdraw(context, model);
    case 'park':
      return park(context, model);
    case 'unpark':
      return unpark(context, model);
    case 'evict':
      return evict(context, model);
    case 'remove':
      return remove(context, model);
  }
}

async function install({ store }: EngineContext, model: TrackedModel): Promise<void> {
  const { staged, stored, previous } = model;
  if (staged === undefined) return;
  // Fetching the same version again replaces suspect files, which are not worth keeping.
  const keep = previous === undefined && stored !== undefined && !meansSameSpec(stored, staged.spec);
  model.stored = undefined;
  model.loadedHash = undefined;
  try {
    await store.install(model.name, staged.path, keep);
  } finally {
    // Not earlier: a decision in between would find no version, and fetch this one again.
    if (model.staged === staged) model.staged = undefined;
  }
  model.previous = keep ? stored : previous;
  model.stored = staged.spec;
  model.committing = store.commit(model.name, staged.spec).then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
}

async function goBack({ store }: EngineContext, model: TrackedModel): Promise<void> {
  const back = model.previous;
  forgetStored(model);
  try {
    await store.goBack(model.name);
  } finally {
    // As in install.
    model.previous = undefined;
  }
  model.stored = back;
}

/** Forgets the version in place, which is about to go, and its commit. */
function forgetStored(model: TrackedModel): void {
  model.stored = undefined;
  model.loadedHash = undefined;
  model.committing = undefined;
}

async function withdraw({ store }: EngineContext, model: TrackedModel): Promise<void> {
  forgetStored(model);
  await store.discard(store.pathOf(model.name));
}

async function park({ store }: EngineContext, model: TrackedModel): Promise<void> {
  await store.park(model.name);
  model.parked = true;
}

async function unpark({ store }: EngineContext, model: TrackedModel): Promise<void> {
  await store.unpark(model.name);
  model.parked = false;
}

async function evict({ store }: EngineContext, model: TrackedModel): Promise<void> {
  model.stored = undefined;
  model.committing = undefined;
  model.previous = undefined;
  model.parked = false;
  model.bytes = 0;
  await store.evict(model.name);
}

async function remove({ store }: EngineContext, model: TrackedModel): Promise<void> {
  if (model.staged !== undefined) await store.discard(model.staged.path);
  model.staged = undefined;
  await store.remove(model.name);
  model.parked = false;
  model.stored = undefined;
  model.previous = undefined;
  model.loadedHash = undefined;
}

/** `answered` releases the slot: slots bound what the server has to do, not what follows. */
async function withLoadSlot(
  context: EngineContext,
  model: TrackedModel,
  kind: 'load' | 'unload',
  work: (answered: () => void) => Promise<void>,
): Promise<void> {
  const slot = await context.loadSlots.take(context.stopping);
  if (slot === undefined) return;
  try {
    // The state may have changed during the wait. If so, decide again.
    if (decideServe(viewOf(model), context.serverUp(), context.clock.monotonic()).kind !== kind) return;
    if (kind === 'unload' && model.desired !== undefined && !context.residence.mayUnload(model.name)) return;
    model.serve = 'running';
    context.observer.changed(model);
    await work(() => slot.release());
  } finally {
    slot.release();
  }
}

async function load(
  context: EngineContext,
  model: TrackedModel,
  spec: ModelSpec,
  answered: () => void,
): Promise<void> {
  const { adapter, store, clock, observer, log } = context;
  if (model.stored === undefined || !meansSameSpec(model.stored, spec)) return;
  const started = clock.monotonic();
  model.loading = true;
  const said = await adapter.load(model.name, store.pathOf(model.name), spec);
  const answer = isKilled(said) && context.residence.killedLoading(model.name) ? awayFor(said) : said;
  answered();
  const took = milliseconds(clock.monotonic() - started);
  observer.stepped('load', took, answer.kind === 'done' ? 'ok' : answer.reason);
  if (answer.kind === 'unavailable') unavailable(context, model, spec, answer);
  model.loading = false;
  // The server has something from now on, whatever happens to the files.
  if (answer.kind === 'done') setServed(model, { kind: 'unknown' });
  const revision = model.servedRevision;
  const fault = await model.committing;
  model.committing = undefined;
  if (fault !== undefined) {
    notCommitted(context, model, spec, fault);
    return;
  }
  if (answer.kind === 'unavailable') return;
  if (answer.kind === 'refused') return refusedLoad(context, model, spec, answer);
  // A server that ended in the meantime has no models when it is back.
  if (model.servedRevision !== revision) return;
  log.info({ model: model.name, tookMs: took }, 'loaded');
  await noteLoaded(context, model, spec);
  if (model.servedRevision !== revision) return;
  setServed(model, { kind: 'loaded', spec });
  // One text in the place of two.
  const noted = store.notedHash(model.name);
  if (noted === model.loadedHash) model.loadedHash = noted;
  model.times = { ...model.times, load: took };
  model.failure = undefined;
  model.fallbackFailure = undefined;
  model.refusals = 0;
  model.previous = undefined;
  context.observer.changed(model);
  await store.discardPrevious(model.name);
}

/** Writing to the disk failed. What the server read may not be what is on disk, so the files are fetched again. */
function notCommitted(context: EngineContext, model: TrackedModel, spec: ModelSpec, thrown: unknown): void {
  fail(context, model, spec, { ...diskFault(thrown), pace: 'soon', refetch: true });
}

function diskFault(thrown: unknown): { readonly reason: string; readonly message: string } {
  const full = (thrown as NodeJS.ErrnoException).code === 'ENOSPC';
  return { reason: full ? 'DiskFull' : 'StorageFailed', message: messageOf(thrown) };
}

/**
 * For the next agent, which then need not load the model again. The note is written before the model is reported as
 * loaded, because this agent may be ended as soon as it is. Without the note, on a full disk say, the next agent loads
 * once more.
 */
async function noteLoaded(
  { store, log }: EngineContext,
  model: TrackedModel,
  spec: ModelSpec,
): Promise<void> {
  try {
    await store.noteLoaded(model.name, spec);
  } catch (thrown) {
    log.warn({ model: model.name, error: messageOf(thrown) }, 'could not record that the model is loaded');
  }
}

type Refused = Extract<ServerAnswer, { kind: 'refused' }>;
type Unavailable = Extract<ServerAnswer, { kind: 'unavailable' }>;

function isKilled(answer: ServerAnswer): answer is Refused {
  return answer.kind === 'refused' && answer.killed === true;
}

/** It may not be the fault of the model, so it counts as if the server had been down. */
function awayFor({ message }: Refused): Unavailable {
  return { kind: 'unavailable', reason: 'ModelServerUnavailable', message, gone: false };
}

/** The server refused: puts the previous version back, and asks what answers now. */
async function refusedLoad(
  context: EngineContext,
  model: TrackedModel,
  spec: ModelSpec,
  { reason, message }: Refused,
): Promise<void> {
  model.refusals += 1;
  fail(context, model, spec, { reason, message, pace: 'refused' });
  if (model.previous !== undefined) {
    context.log.warn({ model: model.name }, 'going back to the previous version');
    await goBack(context, model);
  }
  const ready = await context.adapter.ready(model.name);
  if (ready === false) setServed(model, ABSENT);
}

function unavailable(
  context: EngineContext,
  model: TrackedModel,
  spec: ModelSpec,
  answer: Unavailable,
): void {
  if (answer.gone) {
    context.serverGone();
    return;
  }
  fail(context, model, spec, { ...answer, pace: 'soon', serverAway: true });
}

async function unload(context: EngineContext, model: TrackedModel): Promise<void> {
  const { adapter, clock, observer, log } = context;
  const started = clock.monotonic();
  model.unloading = true;
  const answer = await adapter.unload(model.name).finally(() => {
    model.unloading = false;
  });
  const took = milliseconds(clock.monotonic() - started);
  observer.stepped('unload', took, answer.kind === 'done' ? 'ok' : answer.reason);
  if (answer.kind === 'done') {
    log.info({ model: model.name, tookMs: took }, 'unloaded');
    setServed(model, ABSENT);
    return;
  }
  if (answer.kind === 'unavailable' && answer.gone) {
    context.serverGone();
    return;
  }
  const serverAway = answer.kind === 'unavailable';
  fail(context, model, model.stored, { ...answer, pace: 'soon', serverAway, step: 'unload' });
}

interface Trouble {
  readonly reason: string;
  readonly message: string;
  readonly pace: RetryPace;
  readonly serverAway?: boolean;
  /** Also fetch the files again. */
  readonly refetch?: boolean;
  readonly step?: ModelFailure['step'];
}

/** Records a failure of a version of the model, or of its removal if no version is desired. */
function fail(
  { clock, random, log }: EngineContext,
  model: TrackedModel,
  spec: ModelSpec | undefined,
  { reason, message, pace, serverAway = false, refetch = false, step }: Trouble,
): void {
  model.attempts += 1;
  const delay = retryDelay(pace, model.attempts, random);
  log.warn({ model: model.name, reason, retryInMs: delay, attempt: model.attempts }, message);
  const failure: ModelFailure = {
    spec: spec ?? NO_SPEC,
    step: step ?? (model.desired === undefined ? 'unload' : 'load'),
    reason,
    message,
    retryAt: (clock.monotonic() + delay) as MonotonicMs,
    retryAtTime: (clock.now() + delay) as EpochMs,
    refused: pace === 'refused',
    refetch: refetch || (pace === 'refused' && model.refusals % REFUSALS_BEFORE_REFETCH === 0),
    serverAway,
  };
  if (model.desired === undefined || spec === undefined || meansSameSpec(model.desired, spec))
    model.failure = failure;
  else model.fallbackFailure = failure;
}
