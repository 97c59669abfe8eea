import { request as httpRequest } from 'node:http';
import type { Agent as HttpAgent, ClientRequest, IncomingMessage, RequestOptions } from 'node:http';
import type { LookupFunction, Socket } from 'node:net';
import type { Readable } from 'node:stream';
import { readOdd } from '../proxy/odd-answer.ts';
import { createPlainGetter } from './plain-get.ts';
import { createReusingConnections, type ReadPieces } from './reused-buffers.ts';
import { endWith } from '../../lib/abort.ts';
import { readSoundHead } from '../../lib/read-sound-head.ts';
import { bareHost, IDLE } from './connection.ts';
import type { ProxyRouter } from './proxy/proxy-types.ts';

/** The head of an answer. The body remains to be read. */
interface HttpAnswer {
  readonly status: number;
  readonly headers: ReadonlyMap<string, string>;
  readonly body: Readable;
  /** The body in buffers of the caller. Available only over plain http without a proxy, if the answer has a length. */
  readonly pieces: ReadPieces | undefined;
}

type Headers = Readonly<Record<string, string>>;

/** One GET, or the POST of a form. */
type HttpGet = (
  url: URL,
  headers: Headers,
  signal: AbortSignal,
  form?: URLSearchParams,
) => Promise<HttpAnswer>;

export interface HttpGetter {
  readonly get: HttpGet;
  /** Closes all connections. */
  close(): void;
}

interface HttpGetterOptions {
  readonly lookup: LookupFunction;
  readonly connectTimeoutMs: number;
  /** Set if the environment names proxies: makes the connections through them. */
  readonly proxies?: ProxyRouter | undefined;
}

/** GETs over HTTP/1.1 with keep-alive. TLS is loaded on the first https:// URL. */
export function createHttpGetter(options: HttpGetterOptions): HttpGetter {
  const { lookup, connectTimeoutMs, proxies } = options;
  const connections = createReusingConnections(IDLE);
  const node = createNodeClient(options, connections.agent);
  const plain = createPlainGetter(({ host, port }) => {
    const socket = connections.connect({ host, port, lookup, noDelay: true });
    limitConnecting(socket, 'connect', connectTimeoutMs, (late) => socket.destroy(late));
    return socket;
  });
  const read = (answer: IncomingMessage): HttpAnswer => {
    const headers = new Map(
      Object.entries(answer.headers).map(([name, value]) => [name, [value].flat().join(', ')]),
    );
    const length = headers.get('content-length');
    const pieces =
      length === undefined ? undefined : connections.bodyOf(answer, answer.socket, Number(length));
    return { status: answer.statusCode ?? 0, headers, body: answer, pieces };
  };
  const getByNode: HttpGet = async (url, headers, signal, form) => {
    const route = await proxies?.routeFor(url);
    const answer = await answerOf(await node.asker(url, headers, form, route?.agent), signal);
    try {
      route?.check(answer.statusCode);
    } catch (refused) {
      answer.on('error', () => undefined).destroy();
      throw refused;
    }
    return read(answer);
  };
  const getPlainly: HttpGet = async (url, headers, signal) => {
    const outcome = await plain.get(url, headers, signal);
    if (outcome.kind === 'unusual') return getByNode(url, headers, signal);
    if (outcome.kind === 'odd') {
      connections.addStream(outcome.answer.connection, outcome.socket);
      const again = await node.asker(url, headers);
      const ask: Ask = (lenient) => (lenient ? again(lenient) : readOdd(outcome.answer, HEADS));
      return read(await answerOf(ask, signal));
    }
    const { status, headers: received, body, socket } = outcome;
    const length = Number(received.get('content-length'));
    const pieces = body.complete ? undefined : connections.bodyOf(body, socket, length);
    return { status, headers: received, body, pieces };
  };
  return {
    get: (url, headers, signal, form) => {
      const isPlain = url.protocol === 'http:' && form === undefined && proxies === undefined;
      return (isPlain ? getPlainly : getByNode)(url, headers, signal, form);
    },
    close: () => {
      plain.close();
      node.close();
      proxies?.close();
    },
  };
}

interface NodeClient {
  /** @param via an agent for this request alone */
  asker(url: URL, headers: Headers, form?: URLSearchParams, via?: HttpAgent): Promise<Ask>;
  close(): void;
}

interface Transport {
  readonly request: typeof httpRequest;
  readonly agent: HttpAgent;
}

/** Makes requests with Node's client. */
function createNodeClient({ lookup, connectTimeoutMs }: HttpGetterOptions, httpAgent: HttpAgent): NodeClient {
  const http: Transport = { request: httpRequest, agent: httpAgent };
  let https: Promise<Transport> | undefined;
  const loadHttps = async (): Promise<Transport> => {
    const { Agent, request } = await import('node:https');
    return { request, agent: new Agent(IDLE) };
  };
  return {
    asker: async (url, headers, form, via) => {
      const secure = url.protocol === 'https:';
      const { request, agent } = secure ? await (https ??= loadHttps()) : http;
      return (lenient) => {
        const how = { ...HEADS, agent: via ?? agent, lookup, insecureHTTPParser: lenient };
        const call = request({
          ...target(url),
          ...(form === undefined ? { headers } : post(headers, form)),
          ...how,
        });
        if (form !== undefined) call.write(form.toString());
        call.once('socket', (socket: Socket) => {
          if (lenient) readSoundHead(socket, MOST_HEAD_BYTES);
          const end = (late: Error) => void call.destroy(late);
          limitConnecting(socket, secure ? 'secureConnect' : 'connect', connectTimeoutMs, end);
        });
        return call;
      };
    },
    close: () => {
      http.agent.destroy();
      void https?.then(({ agent }) => agent.destroy());
    },
  };
}

function post(headers: Headers, form: URLSearchParams): RequestOptions {
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
const HEADS = { maxHeaderSize: MOST_HEAD_BYTES };

/**
 * A kept connection may close just as it is used again: the request is then repeated once. It is also repeated once for
 * an answer that Node's parser refuses: with two lengths, with lines that end in LF alone, with control
 * characters in a header, or with blanks before a colon. curl and Go's client accept them.
 */
function answerOf(ask: Ask, signal: AbortSignal, again = true, lenient = false): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const call = ask(lenient);
    endWith(signal, call);
    call.maxHeadersCount = MOST_HEADERS;
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
      if (again && call.reusedSocket && error.code === 'ECONNRESET') resolve(answerOf(ask, signal, false));
      else if (!lenient && error.code?.startsWith('HPE_') === true)
        resolve(answerOf(ask, signal, false, true));
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
function limitConnecting(
  socket: Socket,
  done: 'connect' | 'secureConnect',
  limitMs: number,
  end: (late: Error) => void,
): void {
  if (!socket.connecting) return;
  const late = Object.assign(new Error(`no connection within ${limitMs} ms`), { code: 'ETIMEDOUT' });
  const timer = setTimeout(() => end(late), limitMs);
  const clear = (): void => clearTimeout(timer);
  socket.once(done, clear).once('close', clear);
}
