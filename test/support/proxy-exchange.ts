import { connect } from 'node:net';
import type { RecordedRequest } from './recording-component.ts';

/** The client's result for its bytes. */
export interface Exchanged {
  /** All received bytes, one character for each byte. */
  readonly text: string;
  /** The status of each answer except interim ones. */
  readonly statuses: readonly number[];
  /** Whether the other side closed the connection. */
  readonly isClosed: boolean;
}

/** The last request of a connection. */
export const LAST = 'GET /last HTTP/1.1\r\nHost: last\r\nConnection: close\r\n\r\n';

/** Sends these bytes, and returns what is received until the connection closes or stays silent for this long. */
export function exchangeBytes(
  port: number,
  sent: string,
  silenceMs: number,
  localAddress = '127.0.0.1',
): Promise<Exchanged> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1', localAddress });
    let text = '';
    const over = (isClosed: boolean) => {
      clearTimeout(silence);
      socket.destroy();
      const statuses = [...text.matchAll(/HTTP\/1\.[01] (\d{3})/g)].map(([, status]) => Number(status));
      resolve({ text, statuses: statuses.filter((status) => status >= 200 || status === 101), isClosed });
    };
    const silence = setTimeout(() => over(false), silenceMs);
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString('latin1');
      silence.refresh();
    });
    socket.on('error', () => undefined).on('close', () => over(true));
    socket.write(sent, 'latin1');
  });
}

/**
 * A recorded request without differences from KServe's agent that have no effect (docs/agent-inside.md, "Beside
 * KServe's agent"): the case and order of headers, the framing of the body, `Accept-Encoding: gzip` if the client has
 * none, `Cache-Control` for `Pragma`, a User-Agent that is empty or the second one, and announced trailers.
 */
export function comparable(
  { method, target, headers, body }: RecordedRequest,
  componentPort: number,
): string {
  const values = new Map<string, string>();
  for (const [name, value] of headers) {
    const lower = name.toLowerCase();
    const before = values.get(lower);
    if (before === undefined) values.set(lower, value);
    else if (lower !== 'user-agent') values.set(lower, `${before}, ${value}`);
  }
  for (const name of ['content-length', 'transfer-encoding', 'trailer']) values.delete(name);
  if (values.get('connection') !== 'Upgrade') values.delete('connection');
  if (values.get('accept-encoding') === 'gzip') values.delete('accept-encoding');
  if (values.get('user-agent') === '') values.delete('user-agent');
  if (values.get('pragma') === 'no-cache') values.delete('cache-control');
  if (values.get('host') === `127.0.0.1:${componentPort}`) values.set('host', 'the component');
  const lines = [...values].map(([name, value]) => `${name}: ${value}`).sort();
  return [`${method} ${target}`, ...lines, '', body].join('\n');
}
