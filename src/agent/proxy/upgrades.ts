import { type IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Connection, Connections } from '../connections.ts';
import { forward } from './forward.ts';
import type { Exchange } from './exchange.ts';
import { exchangeOf, judge, type Serving, track } from './requests.ts';
import { joinUpgraded, withoutUpgrade } from './tunnel.ts';

/** Serves a request to upgrade once the requests before it have been answered. */
export function serveUpgrade(
  serving: Serving,
  incoming: IncomingMessage,
  socket: Socket,
  head: Buffer,
): void {
  const connection = serving.connections.of(socket);
  if (connection === undefined || connection.isEnding) {
    socket.destroy();
    return;
  }
  readMeanwhile(serving.connections, connection, head, (all) => {
    if (!socket.writable) socket.destroy();
    else if (isUpgrade(incoming)) tryUpgrade(serving, connection, incoming, all);
    else serveAgain(serving, socket, Buffer.concat([Buffer.from(withoutUpgrade(incoming), 'latin1'), all]));
  });
}

/** What a client may send while its request to upgrade waits for earlier answers. */
const MEANWHILE = 64 * 1024;

/** Waits for earlier answers. Node has stopped reading the connection at the upgrade. Returns what arrived since. */
function readMeanwhile(
  connections: Connections,
  connection: Connection,
  head: Buffer,
  answered: (all: Buffer) => void,
): void {
  const { socket, pending } = connection;
  const came = [head];
  let left = MEANWHILE;
  const collect = (chunk: Buffer) => {
    came.push(chunk);
    left -= chunk.length;
    if (left <= 0) socket.pause();
  };
  const goOn = () => {
    for (const outgoing of pending) outgoing.emit('drain');
  };
  const gone = () => socket.destroy();
  socket.on('data', collect).on('end', gone).on('drain', goOn);
  connections.whenAnswered(connection, () => {
    socket.pause();
    socket.off('data', collect).off('end', gone).off('drain', goOn);
    answered(Buffer.concat(came));
  });
}

/** Whether the component is asked to upgrade. Every other request to upgrade is ignored. */
function isUpgrade({ headers }: IncomingMessage): boolean {
  const hasBody = headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
  return !hasBody && headers.upgrade?.trim().toLowerCase() !== 'h2c';
}

/**
 * Asks the component to upgrade. If it agrees, the connections are joined. Any other answer is passed on as usual, and
 * the connection is served further.
 */
function tryUpgrade(serving: Serving, connection: Connection, incoming: IncomingMessage, head: Buffer): void {
  const { socket } = connection;
  const outgoing = new ServerResponse(incoming);
  outgoing.assignSocket(socket);
  serving.connections.began(outgoing, socket);
  const passed = judge(serving, incoming, outgoing, true);
  outgoing.on('finish', () => {
    outgoing.detachSocket(socket);
    // Node sets it for its own answers only.
    outgoing.emit('close');
    if (!outgoing.shouldKeepAlive || serving.state.draining) socket.end();
    else serveAgain(serving, socket, head);
  });
  if (passed === undefined) return;
  if (serving.state.draining) outgoing.shouldKeepAlive = false;
  const upgraded: Exchange['upgraded'] = (agreed, component, fromComponent) => {
    outgoing.detachSocket(socket);
    track(serving, connection);
    joinUpgraded(socket, { answer: agreed, component, fromComponent, fromClient: head });
  };
  forward({ ...exchangeOf(serving, incoming, passed), outgoing, upgraded });
}

/** Reads a connection as HTTP/1.1 again, from these bytes on. */
function serveAgain({ serveHttp }: Serving, socket: Socket, from: Buffer): void {
  socket.pause();
  if (from.length > 0) socket.unshift(from);
  serveHttp(socket);
  socket.resume();
}
