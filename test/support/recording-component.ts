import { once } from 'node:events';
import { createServer, type AddressInfo, type Socket } from 'node:net';

/** One request as received. */
export interface RecordedRequest {
  readonly method: string;
  readonly target: string;
  /** Names and values alternating, in the received order. */
  readonly headers: readonly (readonly [string, string])[];
  /** One character for each byte, with chunks joined. */
  readonly body: string;
}

/** A component that parses HTTP/1.1 by its framing alone, accepts everything else, and answers 200. */
export interface RecordingComponent {
  readonly port: number;
  /** The requests since the last call, in the order of their arrival. */
  take(): RecordedRequest[];
  /** The answer to every request, one character for each byte, and whether the connection is closed after it. */
  answer: { readonly bytes: string; readonly closes: boolean };
  close(): void;
}

const OK = { bytes: 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok', closes: false };

export async function startRecordingComponent(): Promise<RecordingComponent> {
  let recorded: RecordedRequest[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    let buffered = '';
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket)).on('error', () => undefined);
    socket.on('data', (chunk: Buffer) => {
      buffered += chunk.toString('latin1');
      for (let next = readRequest(buffered); next !== undefined; next = readRequest(buffered)) {
        buffered = buffered.slice(next.length);
        recorded.push(next.request);
        socket.write(component.answer.bytes, 'latin1');
        if (component.answer.closes) socket.end();
      }
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const component: RecordingComponent = {
    answer: OK,
    port: (server.address() as AddressInfo).port,
    take: () => {
      const taken = recorded;
      recorded = [];
      return taken;
    },
    close: () => {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
  return component;
}

/** The first request of a text, and its length; undefined while it is incomplete. */
function readRequest(text: string): { request: RecordedRequest; length: number } | undefined {
  const headEnd = text.indexOf('\r\n\r\n');
  if (headEnd < 0) return undefined;
  const [line = '', ...lines] = text.slice(0, headEnd).split('\r\n');
  const first = line.indexOf(' ');
  const last = line.lastIndexOf(' ');
  const headers = lines.map((header): [string, string] => {
    const colon = header.indexOf(':');
    return [header.slice(0, colon), header.slice(colon + 1).trim()];
  });
  const valueOf = (name: string) => headers.find(([key]) => key.toLowerCase() === name)?.[1];
  const rest = text.slice(headEnd + 4);
  const framed =
    valueOf('transfer-encoding') === undefined
      ? readLength(rest, Number(valueOf('content-length') ?? 0))
      : readChunks(rest);
  if (framed === undefined) return undefined;
  const request = {
    method: line.slice(0, first),
    target: line.slice(first + 1, last),
    headers,
    body: framed.body,
  };
  return { request, length: headEnd + 4 + framed.length };
}

interface Framed {
  readonly body: string;
  readonly length: number;
}

function readLength(text: string, length: number): Framed | undefined {
  return text.length < length ? undefined : { body: text.slice(0, length), length };
}

function readChunks(text: string): Framed | undefined {
  let body = '';
  let at = 0;
  for (;;) {
    const lineEnd = text.indexOf('\r\n', at);
    if (lineEnd < 0) return undefined;
    const size = Number.parseInt(text.slice(at, lineEnd), 16);
    at = lineEnd + 2;
    if (size === 0) break;
    if (text.length < at + size + 2) return undefined;
    body += text.slice(at, at + size);
    at += size + 2;
  }
  // Trailers, up to an empty line.
  for (;;) {
    const lineEnd = text.indexOf('\r\n', at);
    if (lineEnd < 0) return undefined;
    const isEmpty = lineEnd === at;
    at = lineEnd + 2;
    if (isEmpty) return { body, length: at };
  }
}
