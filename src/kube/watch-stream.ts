import type { Clock, Milliseconds } from '../lib/clock.ts';
import { milliseconds } from '../lib/clock.ts';
import type { KubernetesObject } from '../contract/kubernetes.ts';
import type { ApiClient, WatchQuery } from './api-client.ts';
import { ApiError, errorFromStatus, isApiError } from './api-error.ts';
import { createLineSplitter } from '../lib/line-splitter.ts';
import { recordOf } from '../lib/json.ts';
import { decodeLine } from './decode-objects.ts';
import type { Liveness } from './liveness.ts';
import type { Resource } from './resources.ts';

/** The content of one line of a watch. */
export type WatchEvent<T extends KubernetesObject> =
  | { readonly kind: 'change'; readonly type: 'ADDED' | 'MODIFIED' | 'DELETED'; readonly object: T }
  /** Nothing changed up to this version: a later watch can start here. */
  | { readonly kind: 'bookmark'; readonly resourceVersion: string }
  /** The server failed inside the stream. API_GONE means that only a new list helps. The stream ends after it. */
  | { readonly kind: 'error'; readonly error: ApiError }
  /** Not a watch event, so a change may have been missed. The stream ends after it. */
  | { readonly kind: 'malformed'; readonly detail: string };

interface WatchOptions {
  readonly client: ApiClient;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** A connection without a byte for this long counts as dead. */
  readonly idleLimit: Milliseconds;
  /** Checked while nothing arrives. Without it only the limit counts. */
  readonly liveness?: Liveness | undefined;
  /** Called with an object of which fields were dropped, because they cannot be parsed in a short time. */
  readonly leftOut?: (object: unknown, fields: readonly string[]) => void;
  /** Called once, when the server has accepted the watch. */
  readonly onOpen?: () => void;
}

/**
 * One HTTP watch from opening to end, however it ends. Stopping the iteration frees the connection.
 *
 * @throws {ApiError} if it cannot be opened or breaks; API_TIMEOUT for a connection that went silent
 */
export async function* openWatch<T extends KubernetesObject>(
  resource: Resource<T>,
  query: WatchQuery,
  options: WatchOptions,
): AsyncGenerator<WatchEvent<T>, void, undefined> {
  const watchdog = startWatchdog(options);
  const splitter = createLineSplitter();
  try {
    const bytes = await options.client.watch(resource, query, watchdog.signal);
    options.onOpen?.();
    for await (const chunk of bytes) {
      watchdog.alive();
      for (const line of splitter.push(chunk)) {
        const event = parseLine<T>(line, resource, options);
        yield event;
        if (event.kind === 'error' || event.kind === 'malformed') return;
      }
    }
    const rest = splitter.rest();
    if (rest !== '') yield { kind: 'malformed', detail: `the stream ended inside a line: ${excerpt(rest)}` };
  } catch (thrown) {
    throw watchdog.bit && isApiError(thrown, 'API_ABORTED')
      ? silenceError(resource, watchdog.silentFor())
      : thrown;
  } finally {
    watchdog.stop();
  }
}

function silenceError(resource: Resource, silentFor: Milliseconds): ApiError {
  return new ApiError(
    `watch ${resource.plural}: nothing arrived for ${Math.round(silentFor / 1000)} s, so the connection is taken for dead`,
    { code: 'API_TIMEOUT' },
  );
}

interface Watchdog {
  /** Aborts with the caller's signal, after too long a silence, and on stop. */
  readonly signal: AbortSignal;
  /** True once silence was the reason. */
  readonly bit: boolean;
  alive(): void;
  /** Since the last byte. */
  silentFor(): Milliseconds;
  stop(): void;
}

/** One sleep per connection, not one timer per chunk: when it wakes, it checks what arrived meanwhile. */
function startWatchdog(options: WatchOptions): Watchdog {
  const { clock, idleLimit, liveness } = options;
  const controller = new AbortController();
  const abort = (): void => controller.abort();
  let lastByteAt = clock.monotonic();
  let bit = false;
  if (options.signal.aborted) abort();
  options.signal.addEventListener('abort', abort, { once: true });

  const silentFor = (): Milliseconds => milliseconds(clock.monotonic() - lastByteAt);
  /** A request sent after the last byte arrived got no answer in time. */
  const isDoubted = (): boolean => liveness?.doubtedSince !== undefined && liveness.doubtedSince > lastByteAt;

  async function guard(): Promise<void> {
    const longest =
      liveness === undefined ? idleLimit : milliseconds(Math.min(idleLimit, liveness.timing.lookEvery));
    let remaining = longest;
    for (;;) {
      await clock.sleep(remaining, controller.signal);
      if (controller.signal.aborted) return;
      if (liveness !== undefined && silentFor() >= liveness.timing.after) void liveness.probe();
      remaining = milliseconds(Math.min(longest, idleLimit - silentFor()));
      if (remaining <= 0 || isDoubted()) break;
    }
    bit = true;
    abort();
  }
  void guard();

  return {
    signal: controller.signal,
    get bit() {
      return bit;
    },
    silentFor,
    alive() {
      lastByteAt = clock.monotonic();
    },
    stop() {
      options.signal.removeEventListener('abort', abort);
      abort();
    },
  };
}

function parseLine<T extends KubernetesObject>(
  line: string,
  resource: Resource<T>,
  { leftOut }: Pick<WatchOptions, 'leftOut'>,
): WatchEvent<T> {
  const event = parseJson(line, leftOut);
  if (event === undefined) return { kind: 'malformed', detail: `not JSON: ${excerpt(line)}` };
  const object = event.object;
  if (typeof object !== 'object' || object === null)
    return { kind: 'malformed', detail: `no object: ${excerpt(line)}` };
  if (event.type === 'ERROR') {
    return { kind: 'error', error: errorFromStatus(`watch ${resource.plural}`, object) };
  }
  const metadata = (object as { metadata?: { name?: unknown; resourceVersion?: unknown } }).metadata;
  const resourceVersion = metadata?.resourceVersion;
  if (typeof resourceVersion !== 'string') {
    return { kind: 'malformed', detail: `no resourceVersion: ${excerpt(line)}` };
  }
  if (event.type === 'BOOKMARK') return { kind: 'bookmark', resourceVersion };
  if (event.type === 'ADDED' || event.type === 'MODIFIED' || event.type === 'DELETED') {
    if (typeof metadata?.name === 'string') return { kind: 'change', type: event.type, object: object as T };
  }
  return { kind: 'malformed', detail: `neither a change, a bookmark nor an error: ${excerpt(line)}` };
}

function parseJson(
  line: string,
  leftOut: WatchOptions['leftOut'],
): { type?: unknown; object?: unknown } | undefined {
  try {
    const value = decodeLine(line, (event, fields) => leftOut?.(recordOf(event)['object'], fields));
    return typeof value === 'object' && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}

function excerpt(text: string): string {
  return JSON.stringify(text.length > 120 ? `${text.slice(0, 120)}…` : text);
}
