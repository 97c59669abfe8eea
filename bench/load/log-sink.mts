/**
 * The process of an instant sink for logged payloads. Its first message is its port; it answers each message with the
 * number of received events.
 */
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { serveMessages } from './serve-messages.ts';

const OK = Buffer.from('HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n');
let events = 0;

const server = createServer((socket) =>
  serveMessages(socket, () => {
    events += 1;
    return OK;
  }),
).listen(0, '127.0.0.1', () => process.send?.((server.address() as AddressInfo).port));
process.on('message', () => process.send?.(events));
process.on('disconnect', () => process.exit(0));
