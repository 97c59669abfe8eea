import { backoffDelay } from '../lib/backoff.ts';
import {
  milliseconds,
  seconds,
  type Clock,
  type MonotonicMs,
  type Milliseconds,
  type Random,
} from '../lib/clock.ts';
import type { KubernetesObject } from '../contract/kubernetes.ts';
import type { Logger } from '../lib/log.ts';
import type { ApiClient } from './api-client.ts';
import { ApiError, isApiError, type ApiErrorCode } from './api-error.ts';
import { startDeadline } from '../lib/deadline.ts';
import { listDecoder } from './decode-objects.ts';
import { listAll } from './list-all.ts';
import type { ObjectDelta, ObjectStore } from './object-store.ts';
import type { EndReason, ReflectorEvent, ReflectorTiming } from './reflector-types.ts';
import { compareResourceVersions } from './resource-version.ts';
import type { Resource } from './resources.ts';
import { openWatch, type WatchEvent } from './watch-stream.ts';

interface LoopOptions<T extends KubernetesObject> {
  readonly client: ApiClient;
  readonly resource: Resource<T>;
  readonly namespace?: string;
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
  readonly store: ObjectStore<T>;
  readonly shape: (object: T) => T;
  readonly leftOut: (object: unknown, fields: readonly string[]) => void;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly observe: (event: ReflectorEvent) => void;
  readonly pageSize: number;
  readonly timing: ReflectorTiming;
  readonly signal: AbortSignal;
}

/** Receives the loop's events. */
interface LoopSink<T extends KubernetesObject> {
  deltas(deltas: readonly ObjectDelta<T>[]): void;
  /** Called after each complete list, once its deltas are delivered. */
  listed(): void;
  health(error: Error | undefined): void;
  /** The server reported its state: a list, a change, or a bookmark, which says that nothing has changed. */
  heard(): void;
}

/** How a list or a watch ended, and so how to continue. */
interface Ending {
  readonly reason: EndReason;
  /** There was progress: the waits start small again. */
  readonly progress: boolean;
  /** The position is no longer valid: list again. */
  readonly relist: boolean;
  /** The server accepted the watch before it ended. */
  readonly opened: boolean;
  readonly error?: Error;
}

interface LoopState {
  /** The version up to which the cache is known to be correct. Undefined: list. */
  position: string | undefined;
  /** Failures in a row, without any progress between them. */
  failures: number;
  relistAt: MonotonicMs;
  /** The position comes from a list just now, so the server certainly has it. */
  fresh: boolean;
}

/** A watch that lives this long counts as working, even without events. */
const HEALTHY_WATCH = seconds(5);
/** The most failures that count after a watch that did open: the server is up, so retry soon. */
const SHORT_WATCH_FAILURES = 2;
/** The server ends each watch after 5 to 10 minutes, as in client-go: connections then spread over its replicas. */
const WATCH_SECONDS = { least: 300, spread: 300 };

/** For the request for the server's version. Short, since an idle connection may have died. */
const PROBE_TIMEOUT = seconds(10);

/** Failures to open or keep a watch that do not concern the position it started from. */
const POSITION_KEPT: readonly ApiErrorCode[] = [
  'API_UNREACHABLE',
  'API_TIMEOUT',
  'API_TOO_MANY_REQUESTS',
  'API_SERVER_ERROR',
  'API_UNAUTHORIZED',
  'API_FORBIDDEN',
  'API_CREDENTIALS',
];

/** Lists, watches and waits, one after the other, until the signal aborts. Never rejects. */
export async function followKind<T extends KubernetesObject>(
  options: LoopOptions<T>,
  sink: LoopSink<T>,
): Promise<void> {
  const stopped = (): boolean => options.signal.aborted;
  const state: LoopState = {
    position: undefined,
    failures: 0,
    relistAt: options.clock.monotonic(),
    fresh: false,
  };
  while (!stopped()) {
    const { position } = state;
    const ending =
      position === undefined
        ? await relist(options, sink, state)
        : await watchFrom(position, options, sink, state);
    if (stopped()) return;
    if (ending === 'listed') continue;
    if (ending.error !== undefined) sink.health(ending.error);
    if (ending.relist) state.position = undefined;
    state.failures = ending.progress ? 0 : state.failures + 1;
    if (state.failures > 0) await pause(options, ending, state.failures);
  }
}

/** A successful list alone is not progress: if the watch after it always fails, the loop must not spin. */
async function relist<T extends KubernetesObject>(
  options: LoopOptions<T>,
  sink: LoopSink<T>,
  state: LoopState,
): Promise<Ending | 'listed'> {
  const { clock, signal, timing, store } = options;
  const startedAt = clock.monotonic();
  try {
    const { listTimeout: timeout } = timing;
    const decode = listDecoder(clock, options.leftOut);
    const snapshot = await listAll({ ...options, query: selectionOf(options), timeout, decode });
    if (signal.aborted) return 'listed';
    sink.deltas(store.replaceAll(snapshot.objects));
    state.position = snapshot.resourceVersion;
    state.fresh = true;
    state.relistAt = jitteredFrom(clock.monotonic(), timing.relistEvery, options.random);
    sink.heard();
    sink.listed();
    const duration = milliseconds(Math.max(0, clock.monotonic() - startedAt));
    options.observe({ type: 'listed', objects: snapshot.objects.length, duration });
    return 'listed';
  } catch (thrown) {
    const error = errorOf(thrown);
    return { reason: reasonOf(error), progress: false, relist: true, opened: false, error };
  }
}

async function watchFrom<T extends KubernetesObject>(
  position: string,
  options: LoopOptions<T>,
  sink: LoopSink<T>,
  state: LoopState,
): Promise<Ending> {
  const { clock } = options;
  const untilRelist = startDeadline(
    clock,
    milliseconds(Math.max(0, state.relistAt - clock.monotonic())),
    options.signal,
  );
  const startedAt = clock.monotonic();
  const seen = { opened: false };
  const onOpen = (): void => {
    seen.opened = true;
    sink.health(undefined);
    options.observe({ type: 'watch-opened', resourceVersion: position });
  };
  const outcome = await consume(position, options, sink, state, untilRelist.signal, onOpen);
  untilRelist.clear();

  const progress =
    state.position !== position ||
    (seen.opened && clock.monotonic() - startedAt >= HEALTHY_WATCH) ||
    untilRelist.expired;
  const ending: Ending = untilRelist.expired
    ? { reason: 'periodic-relist', progress, relist: true, opened: seen.opened }
    : { ...outcome, progress, opened: seen.opened };
  options.observe({ type: 'watch-ended', reason: ending.reason });
  return ending;
}

/** Reads one watch to its end and advances `state.position`. */
async function consume<T extends KubernetesObject>(
  position: string,
  options: LoopOptions<T>,
  sink: LoopSink<T>,
  state: LoopState,
  signal: AbortSignal,
  onOpen: () => void,
): Promise<Pick<Ending, 'reason' | 'relist' | 'error'>> {
  const timeoutSeconds = WATCH_SECONDS.least + Math.floor(options.random() * WATCH_SECONDS.spread);
  const query = { ...selectionOf(options), resourceVersion: position, timeoutSeconds };
  const { client, clock, timing } = options;
  try {
    if (!state.fresh && (await wentBack(position, options, signal))) {
      return { reason: 'went-back', relist: true };
    }
    state.fresh = false;
    const events = openWatch(options.resource, query, {
      client,
      clock,
      signal,
      idleLimit: timing.idleLimit,
      liveness: client.liveness,
      leftOut: options.leftOut,
      onOpen,
    });
    for await (const event of events) {
      if (signal.aborted) break;
      const end = take(event, options, sink, state);
      if (end !== undefined) return end;
    }
    return { reason: 'closed', relist: false };
  } catch (thrown) {
    const error = errorOf(thrown);
    return { reason: reasonOf(error), relist: !isApiError(error, ...POSITION_KEPT), error };
  }
}

/**
 * True if the server is at an older version than the cache, for example after its etcd was restored from a backup. It
 * would accept a watch from a future version and send nothing until then (seen on 1.36), so the cache would be wrong
 * for as long.
 */
async function wentBack<T extends KubernetesObject>(
  position: string,
  options: LoopOptions<T>,
  signal: AbortSignal,
): Promise<boolean> {
  const { client, clock, resource, namespace, timing } = options;
  // Without the selectors: the version is the same, and any object will do.
  const query = { limit: 1, ...(namespace !== undefined && { namespace }) };
  const timeout = milliseconds(Math.min(PROBE_TIMEOUT, timing.idleLimit));
  const { metadata } = await client.list(resource, query, {
    ...{ signal, timeout, decode: listDecoder(clock, () => undefined) },
  });
  const compared = compareResourceVersions(metadata.resourceVersion, position);
  return compared !== undefined && compared < 0;
}

/** Applies one event. Returns an ending if the watch is no longer usable. */
function take<T extends KubernetesObject>(
  event: WatchEvent<T>,
  options: LoopOptions<T>,
  sink: LoopSink<T>,
  state: LoopState,
): Pick<Ending, 'reason' | 'relist' | 'error'> | undefined {
  if (event.kind === 'change' || event.kind === 'bookmark') sink.heard();
  switch (event.kind) {
    case 'change': {
      const object = options.shape(event.object);
      const deltas = event.type === 'DELETED' ? options.store.remove(object) : options.store.put(object);
      advance(state, object.metadata.resourceVersion);
      sink.deltas(deltas);
      return undefined;
    }
    case 'bookmark':
      advance(state, event.resourceVersion);
      return undefined;
    case 'error':
      // As in client-go: only after "too many requests" can the watch resume from its position.
      return {
        reason: event.error.code,
        relist: event.error.code !== 'API_TOO_MANY_REQUESTS',
        error: event.error,
      };
    case 'malformed': {
      const error = new ApiError(`watch ${options.resource.plural}: not a watch event: ${event.detail}`, {
        code: 'API_BAD_RESPONSE',
      });
      return { reason: error.code, relist: true, error };
    }
  }
}

/** Never backwards: after a repeated event the next watch must not repeat everything since. */
function advance(state: LoopState, version: string | undefined): void {
  if (version === undefined) return;
  const compared = compareResourceVersions(version, state.position);
  if (compared === undefined || compared > 0) state.position = version;
}

async function pause<T extends KubernetesObject>(
  options: LoopOptions<T>,
  ending: Ending,
  failures: number,
): Promise<void> {
  const counted = ending.opened ? Math.min(failures, SHORT_WATCH_FAILURES) : failures;
  const wait = backoffDelay(counted, options.timing.backoff, options.random);
  const asked = isApiError(ending.error) ? (ending.error.retryAfter ?? 0) : 0;
  const after = milliseconds(Math.max(wait, asked));
  const fields = { err: ending.error, reason: ending.reason, failures, retryInMs: Math.round(after) };
  if (ending.error === undefined) options.logger.debug(fields, 'a watch ended early; opening it again');
  else options.logger.warn(fields, 'the API server could not be followed; trying again');
  options.observe({ type: 'retry', reason: ending.reason, after });
  await options.clock.sleep(after, options.signal);
}

function selectionOf(options: {
  readonly namespace?: string;
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
}): { namespace?: string; labelSelector?: string; fieldSelector?: string } {
  return {
    ...(options.namespace !== undefined && { namespace: options.namespace }),
    ...(options.labelSelector !== undefined && { labelSelector: options.labelSelector }),
    ...(options.fieldSelector !== undefined && { fieldSelector: options.fieldSelector }),
  };
}

/** Between 80 and 120 % of the duration, so that reflectors started together do not keep listing together. */
function jitteredFrom(now: MonotonicMs, span: Milliseconds, random: Random): MonotonicMs {
  return (now + span * (0.8 + 0.4 * random())) as MonotonicMs;
}

function errorOf(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown));
}

function reasonOf(error: Error): EndReason {
  return isApiError(error) ? error.code : 'failed';
}
