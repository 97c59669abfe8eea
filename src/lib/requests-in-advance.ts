import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/**
 * Closes a connection whose next request comes before the answer to the one before it. Neither Go nor any other client of ours
 * sends requests in advance: hundreds fit into one read, and each may be costly. To be called after all that looks at requests
 * first was set up; what looks at them later must leave those of a destroyed socket alone.
 */
export function closeOnRequestsInAdvance(server: Server, observe: () => void = () => undefined): void {
  const latest = new WeakMap<Socket, ServerResponse>();
  /** Those of which a request came in the read that is being parsed: what follows in it came before any answer was sent. */
  const parsing = new WeakSet<Socket>();
  server.prependListener('request', ({ socket }: IncomingMessage, response: ServerResponse) => {
    if (socket.destroyed) return;
    const before = latest.get(socket);
    latest.set(socket, response);
    // Ended, not closed: a client may have read the answer, and sent its next request, before the socket tells us so.
    if (before === undefined || (before.writableEnded && !parsing.has(socket))) {
      parsing.add(socket);
      queueMicrotask(() => parsing.delete(socket));
      return;
    }
    observe();
    skipWhatIsRead(socket);
    socket.destroy();
  });
}

/** What a parser is told to skip the rest of what was read: it takes that for another protocol. */
const NO_MORE = 2;

/**
 * Has what is left of a read not parsed. Node goes on to the end of it although the connection is closed by then, with 600
 * requests in the 64 KiB of a read. It documents no way to stop that. Where it no longer asks this function, all is parsed as
 * before. Source: parserOnHeadersComplete in lib/_http_common.js, on_headers_complete in src/node_http_parser.cc.
 */
function skipWhatIsRead(socket: Socket): void {
  const { parser } = socket as { readonly parser?: { onIncoming?: unknown } | null };
  if (typeof parser?.onIncoming === 'function') parser.onIncoming = () => NO_MORE;
}
