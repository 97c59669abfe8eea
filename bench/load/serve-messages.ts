import type { Socket } from 'node:net';
import { readMessage } from './http-message.ts';

/**
 * Answers each HTTP/1.1 request of a connection at once, or once its answer is there: then the client waits for it.
 * @param answer gets the request's first line, and all of its bytes
 */
export function serveMessages(
  socket: Socket,
  answer: (startLine: string, request: Buffer) => Buffer | string | Promise<Buffer>,
): void {
  let received: Buffer = Buffer.alloc(0);
  socket.setNoDelay();
  socket.on('error', () => undefined);
  socket.on('data', (chunk: Buffer) => {
    received = received.length === 0 ? chunk : Buffer.concat([received, chunk]);
    for (let message = readMessage(received); message !== undefined; message = readMessage(received)) {
      const request = received.subarray(0, message.end);
      received = received.subarray(message.end);
      const given = answer(message.startLine, request);
      if (given instanceof Promise) void given.then((later) => socket.write(later));
      else socket.write(given);
    }
  });
}
