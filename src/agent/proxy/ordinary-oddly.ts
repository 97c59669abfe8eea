import { IncomingMessage, ServerResponse } from 'node:http';
import { forwardSent, type Sent } from './forward.ts';
import type { OrdinaryCall } from './ordinary-exchange.ts';

/**
 * Continues a request of the ordinary kind after something out of the ordinary: an answer of another kind, or a
 * component that failed. Node's objects for the request and its answer are made now.
 * @param done gets the status that the client saw, once the answer is over
 */
export function forwardOddly(call: OrdinaryCall, sent: Sent, done: (status: number) => void): void {
  const { serving, connection, request, passed } = call;
  const { socket } = connection;
  const incoming = new IncomingMessage(socket);
  const { method, target: url } = request;
  Object.assign(incoming, { method, url, httpVersionMajor: 1, httpVersionMinor: 1, complete: true });
  incoming.push(null);
  const outgoing = new ServerResponse(incoming);
  outgoing.shouldKeepAlive = !serving.state.draining;
  outgoing.assignSocket(socket);
  // What Node's server does for its own answers.
  const drained = () => void outgoing.emit('drain');
  socket.on('drain', drained);
  outgoing.on('finish', () => {
    outgoing.detachSocket(socket);
    outgoing.emit('close');
  });
  const over = (status: number): void => {
    socket.off('drain', drained);
    if (!outgoing.shouldKeepAlive) socket.destroySoon();
    done(status);
  };
  forwardSent({ incoming, outgoing, passed, upstream: serving.upstream, done: over }, sent);
}
