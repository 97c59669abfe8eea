import { readFileSync } from 'node:fs';
import { connect as connectTcp, isIP } from 'node:net';
import { join } from 'node:path';
import { connect as connectTls } from 'node:tls';
import { type Clock, seconds } from '../../lib/clock.ts';
import { messageOf } from '../../lib/errors.ts';
import { keepConnections, type KeptConnections } from '../proxy/kept-connections.ts';
import { bareHost } from '../sources/connection.ts';
import { eventHeadMaker } from './cloud-event.ts';
import type { SendOutcome } from './delivery.ts';
import { eventCalls, postEvent } from './event-post.ts';
import type { LogRecord } from './record.ts';
import type { LogOrigin, LogSink } from './settings.ts';

/** Less than the five seconds after which Node's servers, and uvicorn, close an idle connection. */
const IDLE = seconds(4);

interface HttpSinkDeps {
  readonly sink: Extract<LogSink, { kind: 'http' }>;
  readonly origin: LogOrigin;
  readonly clock: Clock;
  /** Where CA bundles are mounted. */
  readonly caDirectory: string;
  /** Time is up. */
  readonly cut: AbortSignal;
}

/**
 * Sends records as CloudEvents over kept connections, one for each worker. They use the proxy's own code: with a
 * client library an event took as long as forwarding a request and its answer.
 */
export function createHttpSink({ sink, origin, clock, caDirectory, cut }: HttpSinkDeps) {
  const url = new URL(sink.url);
  const isTls = url.protocol === 'https:';
  const first = firstLines(url);
  const headOf = eventHeadMaker(origin, clock);
  const calls = eventCalls(clock, cut);
  let ca = isTls ? readIfThere(join(caDirectory, sink.caFile)) : undefined;
  const open = (): KeptConnections => keepConnections(() => connectTo(url, sink.skipVerify, ca), IDLE);
  let connections = open();
  /** If a bundle is replaced, as kubelet does, it applies from the next failure on. */
  const readAgain = (): void => {
    if (!isTls) return;
    const now = readIfThere(join(caDirectory, sink.caFile));
    if (now === undefined || ca?.equals(now) === true) return;
    ca = now;
    // Running calls are sent again.
    connections.destroy();
    connections = open();
  };
  return {
    send: async (record: LogRecord): Promise<SendOutcome> => {
      let head: string;
      try {
        head = `${first}${headOf(record)}content-length: ${record.body.length}\r\n\r\n`;
      } catch (thrown) {
        return { kind: 'refused', why: `this event cannot be sent: ${messageOf(thrown)}` };
      }
      const outcome = await postEvent(connections, head, record.body, calls);
      if (outcome.kind !== 'sent') readAgain();
      return outcome;
    },
    close: () => connections.destroy(),
  };
}

function connectTo({ protocol, hostname, port }: URL, skipVerify: boolean, ca: Buffer | undefined) {
  const host = bareHost(hostname);
  if (protocol !== 'https:') return connectTcp({ host, port: Number(port || 80), noDelay: true });
  return connectTls({
    ...{ host, port: Number(port || 443), noDelay: true, rejectUnauthorized: !skipVerify },
    ...(isIP(host) === 0 ? { servername: host } : {}),
    ...(ca === undefined ? {} : { ca }),
  });
}

/** The first lines of every request. */
function firstLines({ pathname, search, host, username, password }: URL): string {
  const lines = [`POST ${pathname}${search} HTTP/1.1`, `host: ${host}`, 'connection: keep-alive'];
  if (username !== '' || password !== '') {
    // As Go's client sends it.
    const user = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
    lines.push(`authorization: Basic ${Buffer.from(user).toString('base64')}`);
  }
  return lines.map((line) => `${line}\r\n`).join('');
}

function readIfThere(path: string): Buffer | undefined {
  try {
    return readFileSync(path);
  } catch {
    // KServe also sends without the bundle, with the system's roots.
    return undefined;
  }
}
