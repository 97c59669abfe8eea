import { once } from 'node:events';
import { createServer } from 'node:http';
import type { Server } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { connect } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { readSlowSendersInTurns } from '../../../src/lib/slow-senders.ts';
import { systemClock } from '../../../src/lib/system-clock.ts';
import { eventuallyTrue } from '../../support/eventually.ts';

const KIB = 1024;
/** More than is read from one sender at once. */
const LENGTH = 3000 * KIB;

function head(length: number, more = ''): string {
  return `POST / HTTP/1.1\r\nHost: x\r\n${more}Content-Length: ${length}\r\n\r\n`;
}

describe('slow senders', () => {
  let server: Server;
  let clients: Socket[];
  let received: number;

  beforeEach(async () => {
    clients = [];
    received = 0;
    server = createServer((request, response) => {
      let length = 0;
      request.on('data', (chunk: Buffer) => {
        length += chunk.length;
        received += chunk.length;
      });
      request.on('end', () => response.end(`<${length}>`));
      request.on('error', () => undefined);
    });
    readSlowSendersInTurns(server, systemClock);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
  });
  afterEach(async () => {
    for (const client of clients) client.destroy();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });

  async function client(): Promise<Socket> {
    const socket = connect((server.address() as AddressInfo).port, '127.0.0.1').on('error', () => undefined);
    clients.push(socket);
    await once(socket, 'connect');
    return socket;
  }

  async function send(socket: Socket, length: number, piece: number, every: number): Promise<void> {
    for (let sent = 0; sent < length && !socket.destroyed; sent += piece) {
      socket.write(Buffer.alloc(Math.min(piece, length - sent), 0x20));
      await delay(every);
    }
  }

  it('get a response after the whole body, and another one for the next request on the connection', async () => {
    const socket = await client();
    const answer = text(socket);
    socket.write(head(LENGTH));
    await send(socket, LENGTH, 100 * KIB, 20);
    socket.write(head(1, 'Connection: close\r\n'));
    socket.write('x');
    expect((await answer).match(/<\d+>/g)).toEqual([`<${LENGTH}>`, '<1>']);
  });

  it('get a response when the head itself arrives in pieces', async () => {
    const socket = await client();
    const answer = text(socket);
    for (const byte of head(3, 'Connection: close\r\n')) {
      socket.write(byte);
      await delay(10);
    }
    socket.write('abc');
    expect(await answer).toContain('<3>');
  });

  it('are read in turns, so that the data of sixty stays in the kernel and other requests are answered', async () => {
    const PIECE = 64 * KIB;
    const sockets = await Promise.all(Array.from({ length: 60 }, client));
    for (const socket of sockets) socket.write(head(1024 * 1024 * KIB));
    let sending = true;
    let offered = 0;
    const senders = sockets.map(async (socket) => {
      while (sending) {
        if (socket.writableLength < PIECE) offered += PIECE;
        if (socket.writableLength < PIECE) socket.write(Buffer.alloc(PIECE));
        await delay(5);
      }
    });
    await eventuallyTrue('they are found to be slow', () => offered - received > 20 * 1024 * KIB);
    const honest = await client();
    honest.write(head(2, 'Connection: close\r\n'));
    honest.write('ok');
    expect(await text(honest)).toContain('<2>');
    const before = received;
    await eventuallyTrue('they continue', () => received > before);
    sending = false;
    await Promise.all(senders);
  });

  it('are forgotten when they disconnect', async () => {
    const socket = await client();
    socket.write(head(LENGTH));
    await send(socket, 1000 * KIB, 100 * KIB, 30);
    socket.destroy();
    await eventuallyTrue('the connection is closed', async () => {
      const count = await new Promise((resolve) => server.getConnections((_, open) => resolve(open)));
      return count === 0;
    });
  });
});
