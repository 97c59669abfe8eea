import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';

/** One event as received. */
export interface SunkEvent {
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

/** How a sink behaves. */
export type SinkManner = 'takes' | 'takes its time' | 'hangs' | 'answers 500' | 'resets';

/** A sink for events that keeps what it accepts. */
export interface LogSinkServer {
  readonly url: string;
  manner: SinkManner;
  readonly events: SunkEvent[];
  close(): void;
}

export async function startLogSink(): Promise<LogSinkServer> {
  const events: SunkEvent[] = [];
  const server = createServer((incoming, outgoing) => {
    incoming.on('error', () => undefined);
    if (sink.manner === 'hangs') return;
    if (sink.manner === 'resets') {
      incoming.socket.resetAndDestroy();
      return;
    }
    if (sink.manner === 'answers 500') {
      incoming.resume();
      outgoing.writeHead(500).end();
      return;
    }
    void buffer(incoming).then((body) => {
      events.push({ headers: incoming.headers, body });
      const answer = (): void => void outgoing.writeHead(200).end();
      if (sink.manner === 'takes its time') setTimeout(answer, 50);
      else answer();
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const sink: LogSinkServer = {
    url: `http://127.0.0.1:${port}/`,
    manner: 'takes',
    events,
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
  return sink;
}
