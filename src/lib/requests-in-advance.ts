import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/**
 * Closes a connection whose next request comes before the answer to the one before (pipelining). Neither Go nor any
 * other client of ours does that: hundreds of requests fit into one read, and each may be costly. Call it after all
 * other listeners that must see a request first. Later listeners must ignore requests of a destroyed socket.
 */
export function closeOnRequestsInAdvance(server: Server, observe: () => void = () => undefined): void {
  const latest = new WeakMap<Socket, ServerResponse>();
  /**
   * Sockets with a request in the read being parsed. Whatever follows it in that read came before any answer was sent.
   */
  const parsing = new WeakSet<Socket>();
  server.prependListener('request', ({ socket }: IncomingMessage, response: ServerResponse) => {
    if (socket.destroyed) return;
    const before = latest.get(socket);
    latest.set(socket, response);
    // Ended, not closed: a client may read the answer, and send its next request, before the socket closes here.
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

/** The parser's return value for "skip the rest of this read": it then expects another protocol. */
const NO_MORE = 2;

/**
 * Skips the rest of a read. Node parses it to the end although the connection is closed, with up to 600 requests in the
 * 64 KiB of a read. There is no documented way to stop that. If a Node version no longer calls this function, all is
 * parsed as before. Source: parserOnHeadersComplete in lib/_http_common.js, on_headers_complete in
 * src/node_http_parser.cc.
 */
function skipWhatIsRead(socket: Socket): void {
  const { parser } = socket as { readonly parser?: { onIncoming?: unknown } | null };
  if (typeof parser?.onIncoming === 'function') parser.onIncoming = () => NO_MORE;
}
