import type { Socket, TcpNetConnectOpts } from 'node:net';
import { Readable } from 'node:stream';
import { endWith } from '../../lib/abort.ts';
import { keepLatest } from '../../lib/keep-latest.ts';
import { milliseconds } from '../../lib/clock.ts';
import type { OddAnswer } from '../proxy/answer-readers.ts';
import { keepConnections, type KeptConnections } from '../proxy/kept-connections.ts';
import type { OrdinaryAnswer } from '../proxy/ordinary-answer.decide.ts';
import { requestHead } from '../proxy/request-head.decide.ts';
import { bareHost, IDLE } from './connection.ts';

/** The head of an ordinary answer, and the body that follows. */
interface PlainAnswer {
  readonly kind: 'answer';
  readonly status: number;
  readonly headers: ReadonlyMap<string, string>;
  readonly body: PlainBody;
  /** Belongs to the body until that is complete. */
  readonly socket: Socket;
}

type PlainBody = Readable & {
  /** All of it has arrived. */
  complete: boolean;
};

interface OddOutcome {
  readonly kind: 'odd';
  readonly answer: OddAnswer;
  readonly socket: Socket;
}

/** `odd`: Node's client is to read the answer. `unusual`: it is to send the request, which was not sent. */
type PlainOutcome = PlainAnswer | OddOutcome | { readonly kind: 'unusual' };

interface PlainGetter {
  /** @throws the connection's error, or an AbortError */
  get(url: URL, headers: Readonly<Record<string, string>>, signal: AbortSignal): Promise<PlainOutcome>;
  close(): void;
}

/** Servers to which connections are kept. Those of others close when they are idle. */
const SERVERS_KEPT = 100;

/** Headers that say how a message is sent. */
const OWN = /^(?:host|connection|keep-alive|expect|upgrade|te|trailer|content-length|transfer-encoding)$/i;

/**
 * GETs over plain http, without a proxy, over kept connections as the agent's own proxy has them: Node's client makes a
 * dozen objects and registers as many listeners for each request, which is some 8 % of the work for 90 small models.
 */
export function createPlainGetter(connect: (to: TcpNetConnectOpts) => Socket): PlainGetter {
  const servers = new Map<string, KeptConnections>();
  const serverOf = ({ host, hostname, port }: URL): KeptConnections => {
    const to = { host: bareHost(hostname), port: Number(port || 80) };
    const server = servers.get(host) ?? keepConnections(() => connect(to), milliseconds(IDLE.timeout));
    keepLatest(servers, host, server, SERVERS_KEPT);
    return server;
  };
  return {
    get: async (url, headers, signal) => {
      const given = Object.entries(headers);
      const all = [['host', url.host], ['connection', 'keep-alive'], ...given].flat();
      const request = requestHead('GET', { target: url.pathname + url.search, headers: all });
      if (request === undefined || given.some(([name]) => OWN.test(name))) return { kind: 'unusual' };
      return send(serverOf(url), request, signal);
    },
    close: () => {
      for (const server of servers.values()) server.destroy();
    },
  };
}

/** @param again a kept connection may close just as it is used again: the request is then repeated once. */
function send(
  server: KeptConnections,
  request: string,
  signal: AbortSignal,
  again = true,
): Promise<PlainOutcome> {
  return new Promise((resolve, reject) => {
    const body: PlainBody = Object.assign(
      new Readable({
        read: () => {
          if (!body.complete) call.resume();
        },
        destroy: (error, done) => {
          call.destroy();
          done(error);
        },
      }),
      { complete: false },
    );
    // After the head of the answer, its reader gets the error.
    body.on('error', reject);
    const take = (part: Buffer, isLast: boolean): void => {
      body.complete = isLast;
      // No more until it is asked for: a large body goes into other buffers.
      if (!isLast) call.pause();
      body.push(part);
      if (isLast) body.push(null);
    };
    const call = server.call(request, {
      headAtOnce: true,
      answered: (head, part, isWhole) => {
        take(part, isWhole);
        resolve({ kind: 'answer', status: head.status, headers: headersOf(head), body, socket: call.socket });
      },
      more: take,
      odd: (answer) => {
        resolve({ kind: 'odd', answer, socket: call.socket });
        body.destroy();
      },
      failed: ({ fault, isReused, isAnswered }) => {
        if (again && isReused && !isAnswered && fault.code === 'ECONNRESET') {
          resolve(send(server, request, signal, false));
          body.destroy();
        } else body.destroy(fault instanceof Error ? fault : Object.assign(new Error(fault.message), fault));
      },
    });
    endWith(signal, body);
  });
}

/** Where a server repeats one of these, Node's client takes the first. All other headers it joins. */
const TAKEN_ONCE = new Set(['content-length', 'content-type', 'etag', 'location', 'retry-after']);

function headersOf({ headers }: OrdinaryAnswer): Map<string, string> {
  const byName = new Map<string, string>();
  for (let index = 0; index + 1 < headers.length; index += 2) {
    const name = (headers[index] ?? '').toLowerCase();
    const value = headers[index + 1] ?? '';
    const before = byName.get(name);
    if (before === undefined) byName.set(name, value);
    else if (!TAKEN_ONCE.has(name)) byName.set(name, `${before}, ${value}`);
  }
  return byName;
}
