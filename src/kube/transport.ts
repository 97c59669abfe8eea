import { request, type Dispatcher } from 'undici';
import { milliseconds, type Clock, type Milliseconds, type MonotonicMs } from '../lib/clock.ts';
import { messageOf } from '../lib/errors.ts';
import { warningsIn } from './warning-header.decide.ts';
import { ApiError, errorFromResponse, isApiError, type ApiErrorCode } from './api-error.ts';
import type { Credentials, PreparedRequest } from './credentials.ts';
import { startDeadline } from '../lib/deadline.ts';
import type { Resource } from './resources.ts';

/** The API server's verb for the request, as in RBAC rules and its metrics. */
type Verb = 'get' | 'list' | 'watch' | 'create' | 'update' | 'patch' | 'delete';

/** One finished request. A watch counts as finished once it is open. */
export interface RequestEvent {
  readonly verb: Verb;
  readonly group: string;
  /** The plural, as in RBAC rules. */
  readonly resource: string;
  /** The HTTP status, or why there was no answer. */
  readonly code: number | ApiErrorCode;
  readonly duration: Milliseconds;
}

export type RequestObserver = (event: RequestEvent) => void;

interface ApiRequest extends CallOptions {
  readonly verb: Verb;
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  readonly resource: Resource;
  /** Path and query. */
  readonly path: string;
  readonly body?: object;
  /** The type of the body; `application/json` unless given. */
  readonly contentType?: string;
}

/** Options of every call. */
export interface CallOptions {
  /** Aborting it ends the call. */
  readonly signal?: AbortSignal;
  /** The time limit of the call. */
  readonly timeout?: Milliseconds;
  /** A longer answer fails with API_ANSWER_TOO_LONG, and is not read to its end. */
  readonly maxBytes?: number;
  /** Parses the answer instead of JSON.parse. Throws for text that is not JSON. */
  readonly decode?: (text: Buffer) => unknown;
}

/** A request whose answer is read as text, whatever its status. */
interface RawRequest extends ApiRequest {
  /** The exact body to send, instead of `body`. */
  readonly text?: string;
  readonly maxBytes: number;
}

export interface RawAnswer {
  readonly status: number;
  readonly contentType: string | undefined;
  readonly text: string;
}

/** HTTP to the API server. Every failure is an `ApiError`. */
export interface Transport {
  /** The parsed body of a 2xx answer. */
  json(request: ApiRequest): Promise<unknown>;
  /** An answer of any status. API_BAD_RESPONSE if it is longer than allowed. */
  raw(request: RawRequest): Promise<RawAnswer>;
  /** The bytes of a 2xx answer, however long it lasts. Only the signal limits it. */
  stream(request: ApiRequest & { readonly signal: AbortSignal }): Promise<AsyncIterable<Uint8Array>>;
}

interface TransportOptions {
  readonly credentials: Credentials;
  readonly clock: Clock;
  readonly userAgent: string;
  readonly timeout: Milliseconds;
  readonly observe: RequestObserver;
  /** Called with the time of sending if a request got no answer in time. */
  readonly unanswered: (sentAt: MonotonicMs) => void;
  /** Called with each warning of the API server. */
  readonly warn: (warning: string) => void;
}

export function createTransport(options: TransportOptions): Transport {
  return {
    json: (what) =>
      bounded(options, what, async (signal, onDispatch) => {
        const response = await send(options, what, signal, onDispatch);
        const { maxBytes } = what;
        const body =
          maxBytes === undefined
            ? Buffer.from(await response.body.arrayBuffer())
            : await boundedBody(what, response, { maxBytes, code: 'API_ANSWER_TOO_LONG' });
        return { status: response.statusCode, result: await parseBody(what, body) };
      }),
    raw: (what) =>
      bounded(options, what, async (signal, onDispatch) => {
        const response = await untilAborted(signal, () => dispatch(options, what, signal, onDispatch));
        const [contentType] = [response.headers['content-type']].flat();
        const { statusCode: status } = response;
        const { maxBytes } = what;
        const body = await boundedBody(what, response, { maxBytes, code: 'API_BAD_RESPONSE' });
        return { status, result: { status, contentType, text: body.toString('utf8') } };
      }),
    stream: (what) =>
      observed(options, what, async () => {
        try {
          const response = await send(options, what, what.signal);
          return { status: response.statusCode, result: bytesOf(what, response) };
        } catch (cause) {
          throw asApiError(what, cause, false, what.signal);
        }
      }),
  };
}

/** The outcome of a request, and the HTTP status to count it under. */
interface Outcome<R> {
  readonly status: number;
  readonly result: R;
}

async function observed<R>(
  { clock, observe }: TransportOptions,
  what: ApiRequest,
  work: () => Promise<Outcome<R>>,
): Promise<R> {
  const startedAt = clock.monotonic();
  let code: number | ApiErrorCode = 'API_UNREACHABLE';
  try {
    const { status, result } = await work();
    code = status;
    return result;
  } catch (error) {
    if (isApiError(error)) code = error.status ?? error.code;
    throw error;
  } finally {
    const { group, plural } = what.resource;
    const duration = milliseconds(Math.max(0, clock.monotonic() - startedAt));
    observe({ verb: what.verb, group, resource: plural, code, duration });
  }
}

/** One request with a time limit. `read` takes what it needs from the answer within that time. */
function bounded<R>(
  options: TransportOptions,
  what: ApiRequest,
  read: (signal: AbortSignal, onDispatch: OnDispatch) => Promise<Outcome<R>>,
): Promise<R> {
  return observed(options, what, async () => {
    const sentAt = options.clock.monotonic();
    const deadline = startDeadline(options.clock, what.timeout ?? options.timeout, what.signal);
    let used: PreparedRequest | undefined;
    try {
      return await read(deadline.signal, (prepared) => (used = prepared));
    } catch (cause) {
      if (deadline.expired) {
        used?.retire();
        options.unanswered(sentAt);
      }
      throw asApiError(what, cause, deadline.expired, what.signal);
    } finally {
      deadline.clear();
    }
  });
}

type OnDispatch = (prepared: PreparedRequest) => void;

/**
 * The answer if it is 2xx. Any other is read to its end and thrown. Either may come with warnings. Only the signal
 * limits the time.
 */
async function send(
  options: TransportOptions,
  what: ApiRequest,
  signal: AbortSignal,
  onDispatch?: OnDispatch,
): Promise<Dispatcher.ResponseData> {
  const response = await untilAborted(signal, () => dispatch(options, what, signal, onDispatch));
  for (const warning of warningsIn(response.headers['warning'])) options.warn(warning);
  if (response.statusCode >= 200 && response.statusCode < 300) return response;
  const retryAfter = response.headers['retry-after'];
  throw errorFromResponse(
    describe(what),
    response.statusCode,
    await response.body.text(),
    typeof retryAfter === 'string' ? retryAfter : undefined,
  );
}

/**
 * Rejects as soon as the signal aborts. undici notices an abort only once a request has a connection (8.12,
 * api-request.js), and an exec plugin for credentials never does. Their later results are ignored, and undici frees
 * them itself.
 */
async function untilAborted<R>(signal: AbortSignal, work: () => Promise<R>): Promise<R> {
  signal.throwIfAborted();
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const abort = (): void => reject(new Error('aborted'));
  signal.addEventListener('abort', abort, { once: true });
  try {
    return await Promise.race([work(), aborted]);
  } finally {
    signal.removeEventListener('abort', abort);
  }
}

async function dispatch(
  options: TransportOptions,
  what: ApiRequest & Pick<Partial<RawRequest>, 'text'>,
  signal: AbortSignal,
  onDispatch?: OnDispatch,
): Promise<Dispatcher.ResponseData> {
  const prepared = await options.credentials.prepare(what.path);
  onDispatch?.(prepared);
  const body = what.text ?? (what.body === undefined ? null : JSON.stringify(what.body));
  return request(prepared.url, {
    method: what.method,
    dispatcher: prepared.dispatcher,
    headers: {
      ...prepared.headers,
      accept: 'application/json',
      'user-agent': options.userAgent,
      ...(body !== null && { 'content-type': what.contentType ?? 'application/json' }),
    },
    body,
    signal,
    headersTimeout: 0,
    bodyTimeout: 0,
  });
}

/** Leaving the loop early closes the connection. */
async function boundedBody(
  what: ApiRequest,
  response: Dispatcher.ResponseData,
  { maxBytes, code }: { readonly maxBytes: number; readonly code: ApiErrorCode },
): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response.body as AsyncIterable<Uint8Array>) {
    size += chunk.length;
    if (size > maxBytes) {
      throw new ApiError(`the answer is longer than ${maxBytes} bytes [${describe(what)}]`, { code });
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

async function* bytesOf(
  what: ApiRequest,
  response: Dispatcher.ResponseData,
): AsyncGenerator<Uint8Array, void, undefined> {
  try {
    for await (const chunk of response.body as AsyncIterable<Uint8Array>) yield chunk;
  } catch (cause) {
    throw asApiError(what, cause, false, what.signal);
  }
}

async function parseBody({ decode = parsed, ...what }: ApiRequest, body: Buffer): Promise<unknown> {
  try {
    return await decode(body);
  } catch (cause) {
    throw new ApiError(
      `the answer is not JSON, so something other than a Kubernetes API server sent it; check the server address [${describe(what)}]`,
      { code: 'API_BAD_RESPONSE', cause },
    );
  }
}

function parsed(body: Buffer): unknown {
  return JSON.parse(body.toString('utf8'));
}

function asApiError(
  what: ApiRequest,
  cause: unknown,
  expired: boolean,
  signal: AbortSignal | undefined,
): ApiError {
  if (isApiError(cause)) return cause;
  if (expired) {
    return new ApiError(`no complete answer in time; the server may be overloaded [${describe(what)}]`, {
      code: 'API_TIMEOUT',
      cause,
    });
  }
  if (signal?.aborted === true) {
    return new ApiError(`cancelled by the caller [${describe(what)}]`, { code: 'API_ABORTED', cause });
  }
  return new ApiError(`the API server cannot be reached: ${messageOf(cause)} [${describe(what)}]`, {
    code: 'API_UNREACHABLE',
    cause,
  });
}

/** In plain words: `update configmaps ns/name`, `patch trainedmodels ns/name (status)`. */
function describe(what: ApiRequest): string {
  const { verb, path, resource } = what;
  const [bare = path] = path.split('?');
  const [, namespace, name, subresource] =
    new RegExp(`^/apis?/.*?(?:/namespaces/([^/]+))?/${resource.plural}(?:/([^/]+))?(?:/([^/]+))?$`).exec(
      bare,
    ) ?? [];
  if (!bare.startsWith('/api') || !bare.includes(`/${resource.plural}`)) return `${verb} ${bare}`;
  const object = [namespace, name].filter((part) => part !== undefined).join('/');
  const part = subresource === undefined ? '' : ` (${subresource})`;
  return `${verb} ${resource.plural}${object === '' ? '' : ` ${object}`}${part}`;
}
