import { request as httpRequest } from 'node:http';
import type { Agent as HttpAgent, ClientRequest, IncomingMessage, RequestOptions } from 'node:http';
import type { LookupFunction, Socket } from 'node:net';
import { createReusingConnections, type ReusingConnections } from './reused-buffers.ts';
import { endWith } from '../../lib/abort.ts';
import { readSoundHead } from '../../lib/read-sound-head.ts';
import { bareHost, IDLE } from './connection.ts';
import type { ProxyRouter } from './proxy/proxy-types.ts';

/** One GET, or the POST of a form: resolves with the head of the answer. The body remains to be read. */
type HttpGet = (
  url: URL,
  headers: Readonly<Record<string, string>>,
  signal: AbortSignal,
  form?: URLSearchParams,
) => Promise<IncomingMessage>;

export interface HttpGetter {
  readonly get: HttpGet;
  /** Available only over plain http without a proxy. */
  readonly inReusedBuffers: ReusingConnections['bodyOf'];
  /** Closes all connections. */
  close(): void;
}

interface HttpGetterOptions {
  readonly lookup: LookupFunction;
  readonly connectTimeoutMs: number;
  /** Set if the environment names proxies: makes the connections through them. */
  readonly proxies?: ProxyRouter | undefined;
}

interface Transport {
  readonly request: typeof httpRequest;
  readonly agent: HttpAgent;
}

/** GETs over HTTP/1.1 with keep-alive. TLS is loaded on the first https:// URL. */
export function createHttpGetter({ lookup, connectTimeoutMs, proxies }: HttpGetterOptions): HttpGetter {
  const connections = createReusingConnections(IDLE);
  const http: Transport = { request: httpRequest, agent: connections.agent };
  let https: Promise<Transport> | undefined;
  const loadHttps = async (): Promise<Transport> => {
    const { Agent, request } = await import('node:https');
    return { request, agent: new Agent(IDLE) };
  };
  const get: HttpGet = async (url, headers, signal, form) => {
    const secure = url.protocol === 'https:';
    const { request, agent } = secure ? await (https ??= loadHttps()) : http;
    const route = await proxies?.routeFor(url);
    const ask: Ask = (lenient) => {
      const how = {
        agent: route?.agent ?? agent,
        lookup,
        insecureHTTPParser: lenient,
        maxHeaderSize: MOST_HEAD_BYTES,
      };
      const call = request({
        ...target(url),
        ...(form === undefined ? { headers } : post(headers, form)),
        ...how,
      });
      if (lenient) call.once('socket', (socket: Socket) => readSoundHead(socket, MOST_HEAD_BYTES));
      endWith(signal, call);
      call.maxHeadersCount = MOST_HEADERS;
      if (form !== undefined) call.write(form.toString());
      limitConnecting(call, secure ? 'secureConnect' : 'connect', connectTimeoutMs);
      return call;
    };
    const answer = await answerOf(ask);
    try {
      route?.check(answer.statusCode);
    } catch (refused) {
      answer.on('error', () => undefined).destroy();
      throw refused;
    }
    return answer;
  };
  return {
    get,
    inReusedBuffers: connections.bodyOf,
    close: () => {
      http.agent.destroy();
      proxies?.close();
      void https?.then(({ agent }) => agent.destroy());
    },
  };
}

function post(headers: Readonly<Record<string, string>>, form: URLSearchParams): RequestOptions {
  const ofForm = {
    'content-type': 'application/x-www-form-urlencoded',
    'content-length': Buffer.byteLength(form.toString()),
  };
  return { method: 'POST', headers: { ...headers, ...ofForm } };
}

function target({ hostname, port, pathname, search }: URL): RequestOptions {
  return { hostname: bareHost(hostname), port: port === '' ? null : port, path: pathname + search };
}

/** @param lenient reads answers that Node's parser refuses; they are checked here. */
type Ask = (lenient: boolean) => ClientRequest;

/** The size limit of an answer's head, the same as the proxy's. Some sites send policies of tens of kilobytes. */
const MOST_HEAD_BYTES = 1024 ** 2;
const MOST_HEADERS = 10_000;

/**
 * A kept connection may close just as it is used again: the request is then repeated once. It is also repeated once for
 * an answer that Node's parser refuses: with two lengths, with lines that end in LF alone, with control
 * characters in a header, or with blanks before a colon. curl and Go's client accept them.
 */
function answerOf(ask: Ask, again = true, lenient = false): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const call = ask(lenient);
    let answered = false;
    call.on('response', (answer) => {
      answered = true;
      if (hasSoundLength(call, answer, lenient)) resolve(answer);
      else {
        answer.on('error', () => undefined).destroy();
        reject(Object.assign(new Error('the answer has no valid length'), { code: 'EPROTO' }));
      }
    });
    call.on('error', (error: NodeJS.ErrnoException) => {
      // After the head of the answer, the error goes to its body.
      if (answered) return;
      if (again && call.reusedSocket && error.code === 'ECONNRESET') resolve(answerOf(ask, false));
      else if (!lenient && error.code?.startsWith('HPE_') === true) resolve(answerOf(ask, false, true));
      else reject(error);
    });
    // Node reports an answer that switches protocols by this event only.
    call.on('close', () => {
      reject(Object.assign(new Error('the answer is in another protocol than HTTP'), { code: 'EPROTO' }));
    });
    call.end();
  });
}

/**
 * Chunked wins over Content-Length, which is then ignored, and the connection is not used again. Any other
 * Transfer-Encoding is refused: the bytes would be stored still packed. Source: RFC 9112, 6.3 and 6.1.
 */
function hasSoundLength(call: ClientRequest, answer: IncomingMessage, lenient: boolean): boolean {
  if (lenient) call.shouldKeepAlive = false;
  const coding = answer.headers['transfer-encoding']?.trim().toLowerCase();
  const length = answer.headers['content-length'];
  if (coding === undefined) return length === undefined || /^\d+$/.test(length.trim());
  // It packs nothing, and the body ends with the connection. RFC 7230 removed it from the codings.
  if (coding === 'identity') return length === undefined;
  delete answer.headers['content-length'];
  return coding === 'chunked';
}

/** Covers DNS, TCP and TLS. A reused connection needs none of them. */
function limitConnecting(call: ClientRequest, done: 'connect' | 'secureConnect', limitMs: number): void {
  call.once('socket', (socket: Socket) => {
    if (!socket.connecting) return;
    const late = Object.assign(new Error(`no connection within ${limitMs} ms`), { code: 'ETIMEDOUT' });
    const timer = setTimeout(() => call.destroy(late), limitMs);
    const clear = (): void => clearTimeout(timer);
    socket.once(done, clear);
    call.once('close', clear);
  });
}
