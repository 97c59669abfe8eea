import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { seconds } from '../../lib/clock.ts';
import type { Connection, Connections } from '../connections.ts';

/** How long a refused client may still send: it may read the answer only when it has sent everything. */
const LINGER = seconds(1);

/** The error of Node's parser for bytes that it cannot read. */
type ParserError = Error & { readonly code?: string; readonly reason?: string };

/**
 * Answers bytes that are not a request, once the requests before them have been answered, and closes the connection.
 * Without this Node would drop the first of those answers.
 */
export function refuseUnreadable(error: ParserError, socket: Duplex, connections: Connections): void {
  const connection = connections.of(socket);
  if (connection === undefined || !socket.writable) {
    socket.destroy();
    return;
  }
  const isInBody = [...connection.pending].some(({ req }) => !req.complete);
  if (connection.isEnding && !isInBody) return;
  connection.isEnding = true;
  if (isInBody) {
    const [pending] = connection.pending;
    if (connection.pending.size > 1 || pending?.headersSent === true) socket.destroy();
    else answerAndClose(connection.socket, error);
    return;
  }
  // A client that closes after a request may still send bytes. They are not served.
  const isAfterLast = error.code === 'HPE_CLOSED_CONNECTION';
  connections.whenAnswered(connection, () => endAnswered(connection, isAfterLast ? undefined : error));
}

function endAnswered({ socket }: Connection, error: ParserError | undefined): void {
  if (error === undefined) socket.end();
  else if (socket.writable) answerAndClose(socket, error);
}

function answerAndClose(socket: Socket, error: ParserError): void {
  const { status, reason } = fault(error);
  const body = JSON.stringify({ error: reason });
  socket.end(
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\nContent-Type: application/json\r\n` +
      `Content-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
  );
  // If it closed while the client still sends, the connection would be reset, and the answer lost.
  socket.resume();
  const late = setTimeout(() => socket.destroy(), LINGER);
  socket.on('close', () => clearTimeout(late));
}

function fault({ code, reason, message }: ParserError): { status: number; reason: string } {
  switch (code) {
    case 'HPE_HEADER_OVERFLOW':
      return { status: 431, reason: 'the head of the request is longer than 1 MiB' };
    case 'HPE_CHUNK_EXTENSIONS_OVERFLOW':
      return { status: 413, reason: 'the extensions of a chunk are too long' };
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return { status: 408, reason: 'the head of the request did not come within a minute' };
    case 'HPE_INVALID_TRANSFER_ENCODING':
      // One code for two faults, and only the text distinguishes them: an unknown coding, or a length beside it.
      if (reason?.includes('Content-Length') !== true)
        return { status: 501, reason: 'no Transfer-Encoding other than "chunked" is supported' };
  }
  return { status: 400, reason: `this is not an HTTP/1.1 request: ${reason ?? message}` };
}
