import { IncomingMessage, ServerResponse } from 'node:http';
import { CLIENT_IDLE } from './client-idle.ts';
import { forwardSent, type Sent } from './forward.ts';
import type { OrdinaryCall, OrdinaryExchange, ReadCall } from './ordinary-exchange.ts';
import { passOn } from './pass-on.ts';
import { seeAnswer, seeExchange } from './sight.ts';

/**
 * Continues a request of the ordinary kind after something out of the ordinary: an answer of another kind, or a
 * component that failed. Node's objects for the request and its answer are made now.
 * @param done gets the status that the client saw, once the answer is over
 */
export function forwardOddly(call: OrdinaryCall, sent: Sent, done: (status: number) => void): void {
  const { serving, passed, use, sight } = call;
  const { incoming, outgoing, released } = nodeMessages(call);
  incoming.complete = true;
  incoming.push(null);
  const over = (status: number): void => {
    released();
    done(status);
  };
  // Before the listeners that report the end: after that there is nothing to see.
  if (sight !== undefined) seeAnswer(outgoing, sight);
  const { upstream } = serving;
  forwardSent({ incoming, outgoing, passed, upstream, whileAway: use?.whileAway, done: over }, sent);
}

/**
 * Passes a request of the ordinary kind on as Node's server would: its model sleeps, and it may have to wait.
 * The connection serves ordinary requests again afterwards.
 * @param over the answer is over and its request read, and the connection stays open
 */
export function passOnOddly(call: ReadCall, first: Buffer, over: () => void): OrdinaryExchange {
  const { serving, connection, request, passed, sight } = call;
  const { socket } = connection;
  const { incoming, outgoing, released } = nodeMessages(call);
  // The only headers that are needed from here on.
  incoming.headers = { 'content-length': String(request.length) };
  connection.ordinary = incoming;
  let missing = request.length;
  let isAnswered = false;
  const goOn = (): void => {
    serving.connections.endedOrdinary(connection);
    if (!socket.destroyed && !socket.writableEnded) over();
  };
  outgoing.on('close', () => {
    isAnswered = true;
    released();
    if (incoming.complete) goOn();
  });
  const take = (chunk: Buffer): void => {
    const part = chunk.subarray(0, missing);
    missing -= part.length;
    if (part.length > 0) incoming.push(part);
    if (missing > 0) return;
    incoming.complete = true;
    incoming.push(null);
    // Not before the bytes after the body have been returned.
    if (isAnswered) setImmediate(goOn);
  };
  if (sight !== undefined) seeExchange(incoming, outgoing, sight);
  take(first);
  passOn(serving, incoming, outgoing, passed);
  return {
    more: (chunk) => {
      const rest = chunk.subarray(missing);
      if (!incoming.complete) take(chunk);
      return rest.length > 0 ? rest : undefined;
    },
    gone: () => void incoming.destroy(),
  };
}

/**
 * Node's objects for a request and its answer, as Node's server makes them.
 * @returns them, and what to do once the answer is over
 */
function nodeMessages({ serving, connection, request }: ReadCall) {
  const { socket } = connection;
  const incoming = new IncomingMessage(socket);
  const { method, target: url } = request;
  Object.assign(incoming, { method, url, httpVersionMajor: 1, httpVersionMinor: 1 });
  const outgoing = new ServerResponse(incoming);
  outgoing.shouldKeepAlive = !serving.state.draining;
  if (outgoing.shouldKeepAlive) outgoing.setHeader('Keep-Alive', `timeout=${CLIENT_IDLE / 1_000}`);
  outgoing.assignSocket(socket);
  // What Node's server does for its own answers.
  const drained = () => void outgoing.emit('drain');
  socket.on('drain', drained);
  outgoing.on('finish', () => {
    outgoing.detachSocket(socket);
    outgoing.emit('close');
  });
  const released = (): void => {
    socket.off('drain', drained);
    if (!outgoing.shouldKeepAlive) socket.destroySoon();
  };
  return { incoming, outgoing, released };
}
