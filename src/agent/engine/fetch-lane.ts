import { NO_MORE_WAITING } from '../../lib/abort.ts';
import { retryDelay } from './retry-pace.decide.ts';
import { type EpochMs, type Milliseconds, milliseconds, type MonotonicMs } from '../../lib/clock.ts';
import { messageOf } from '../../lib/errors.ts';
import { meansSameSpec, type ModelSpec } from '../../contract/model-config.ts';
import type { PullResult } from '../puller/contract.ts';
import type { Slot } from '../slots.ts';
import type { EngineContext } from './context.ts';
import { type FetchRun, refreshPhase, type TrackedModel } from './tracked-model.ts';

/**
 * Fetches one version into the staging directory and leaves it there, complete. The caller decides whether to fetch.
 */
export function startFetch(context: EngineContext, model: TrackedModel, spec: ModelSpec): void {
  const run: FetchRun = { spec, abort: new AbortController(), state: 'queued', bytes: 0 };
  model.fetch = run;
  void fetchVersion(context, model, run)
    .catch((thrown: unknown) => failed(context, model, run, internalFailure(thrown)))
    .finally(() => {
      if (model.fetch === run) model.fetch = undefined;
      context.reconcileModel(model);
    });
}

/** Cancels a fetch of a version that is no longer desired. */
export function abortObsoleteFetch(model: TrackedModel): void {
  const { fetch, desired } = model;
  if (fetch === undefined) return;
  if (desired === undefined || !meansSameSpec(fetch.spec, desired)) fetch.abort.abort();
}

async function fetchVersion(context: EngineContext, model: TrackedModel, run: FetchRun): Promise<void> {
  const { clock, store, observer } = context;
  const signal = AbortSignal.any([run.abort.signal, context.stopping]);
  const asked = clock.monotonic();
  const slot = await context.fetchSlots.take(signal);
  if (slot === undefined) return;
  const started = clock.monotonic();
  run.state = 'running';
  model.attempts += 1;
  model.times = { queued: span(asked, started) };
  observer.stepped('queued', span(asked, started), 'ok');
  observer.changed(model);
  context.reconcileModel(model);
  const destination = await store.newStagingPath(model.name);
  const result = await pullShowing(context, model, run, slot, destination, signal);
  if (signal.aborted || result.kind === 'failed') await store.discard(destination);
  if (signal.aborted) return;
  const took = span(started, clock.monotonic());
  observer.stepped('download', took, result.kind === 'pulled' ? 'ok' : result.reason);
  if (result.kind === 'failed') {
    failed(context, model, run, result);
    return;
  }
  model.times = { ...model.times, download: took };
  await keepIfWanted(context, model, run, destination, result.bytes);
}

async function keepIfWanted(
  context: EngineContext,
  model: TrackedModel,
  run: FetchRun,
  path: string,
  bytes: number,
): Promise<void> {
  if (run.abort.signal.aborted || context.stopping.aborted) return context.store.discard(path);
  const obsolete = model.staged?.path;
  model.staged = { spec: run.spec, path };
  model.bytes = bytes;
  // Loads of these files are counted afresh; the earlier failure no longer applies.
  model.failure = undefined;
  if (obsolete !== undefined) await context.store.discard(obsolete);
}

/** Pulls. If it takes long, observers get its progress. */
async function pullShowing(
  context: EngineContext,
  model: TrackedModel,
  run: FetchRun,
  slot: Slot,
  destination: string,
  signal: AbortSignal,
): Promise<PullResult> {
  const finished = new AbortController();
  void showWhenSlow(context, model, finished.signal);
  const { spec } = run;
  const request = { id: model.name, storageUri: spec.storageUri, destination };
  try {
    return await context.puller.pull(request, signal, ({ bytes }) => {
      run.bytes = bytes;
    });
  } finally {
    finished.abort(NO_MORE_WAITING);
    slot.release();
  }
}

async function showWhenSlow(
  { clock, limits, observer }: EngineContext,
  model: TrackedModel,
  finished: AbortSignal,
): Promise<void> {
  while (!finished.aborted) {
    await clock.sleep(limits.slowAfter, finished);
    refreshPhase(model, clock.now());
    observer.changed(model);
  }
}

function failed(
  { clock, random, log }: EngineContext,
  model: TrackedModel,
  run: FetchRun,
  result: PullResult,
): void {
  if (result.kind === 'pulled' || run.abort.signal.aborted) return;
  const delay = retryDelay(result.retry, model.attempts, random, result.retryAfterMs);
  const { reason, message } = result;
  log.warn({ model: model.name, reason, retryInMs: delay, attempt: model.attempts }, message);
  model.failure = {
    spec: run.spec,
    step: 'pull',
    reason,
    message,
    retryAt: (clock.monotonic() + delay) as MonotonicMs,
    retryAtTime: (clock.now() + delay) as EpochMs,
    // Suspect files in place stay suspect until they are replaced.
    refetch: model.failure?.refetch ?? false,
    refused: false,
    serverAway: false,
  };
}

function internalFailure(thrown: unknown): PullResult {
  const full = (thrown as NodeJS.ErrnoException).code === 'ENOSPC';
  const reason = full ? 'DiskFull' : 'StorageFailed';
  return { kind: 'failed', reason, message: messageOf(thrown), retry: 'soon' };
}

function span(from: MonotonicMs, to: MonotonicMs): Milliseconds {
  return milliseconds(to - from);
}
