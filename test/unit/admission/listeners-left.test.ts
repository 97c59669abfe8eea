import { once } from 'node:events';
import { connect } from 'node:tls';
import type { TLSSocket } from 'node:tls';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { seconds } from '../../../src/lib/clock.ts';
import type { RoomReason } from '../../../src/lib/connection-room.ts';
import type { AdmissionHandler } from '../../../src/admission/review-endpoint.ts';
import { reviewOf } from '../../support/admission-client.ts';
import { startLoopbackServer } from '../../support/admission-server.ts';
import { eventually, eventuallyTrue } from '../../support/eventually.ts';
import { watchWarnings } from '../../support/warnings.ts';

/** More than the ten listeners of one event after which Node warns. */
const MANY = 40;
const BODY = reviewOf('uid', { metadata: { name: 'p' } });

function head(path: string, length: number, type = 'application/json'): string {
  return `POST ${path} HTTP/1.1\r\nHost: x\r\nContent-Type: ${type}\r\nContent-Length: ${length}\r\n\r\n`;
}

const whole = (path: string): string => head(path, BODY.length) + BODY;
const chunked =
  'POST /now HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n' +
  `${Array.from(BODY, (byte) => `1\r\n${byte}\r\n`).join('')}0\r\n\r\n`;

const warnings = watchWarnings();
const closed: RoomReason[] = [];
let release: (() => void)[] = [];
const handlers = new Map<string, AdmissionHandler>([
  ['/now', () => Promise.resolve({ kind: 'allowed' })],
  ['/later', () => new Promise((resolve) => release.push(() => resolve({ kind: 'allowed' })))],
  ['/fails', () => Promise.reject(new Error('on purpose'))],
]);
let server: Awaited<ReturnType<typeof startLoopbackServer>>;

beforeAll(async () => {
  server = await startLoopbackServer({
    ...{ handlers, requestTimeout: seconds(30), connectionClosed: (reason) => closed.push(reason) },
  });
});
afterAll(async () => {
  await server.stop();
  warnings.stop();
});
beforeEach(() => {
  release = [];
  closed.length = 0;
});

interface Client {
  readonly socket: TLSSocket;
  answers(): number;
  over(): boolean;
}

async function open(): Promise<Client> {
  const socket = connect({ host: '127.0.0.1', port: server.port, ca: server.ca });
  socket.on('error', () => undefined);
  let text = '';
  socket.on('data', (chunk: Buffer) => (text += chunk.toString('latin1')));
  await once(socket, 'secureConnect');
  return {
    socket,
    answers: () => text.split('HTTP/1.1 ').length - 1,
    over: () => socket.destroyed || socket.readableEnded,
  };
}

function answerAll(): void {
  for (const go of release.splice(0)) go();
}

async function nothingIsLeft(): Promise<void> {
  await eventually(() => {
    answerAll();
    expect([server.reviewsInFlight(), server.connections(), server.heldBytes()]).toEqual([0, 0, 0]);
  });
  expect(warnings.seen).toEqual([]);
}

it('the test sees warnings of Node', async () => {
  const target = new EventTarget();
  for (let count = 0; count < MANY; count += 1) target.addEventListener('x', () => undefined);
  await eventually(() => expect(warnings.seen.join()).toContain('MaxListenersExceededWarning'));
  warnings.seen.length = 0;
});

describe.each([
  ['reviews', whole('/now')],
  ['reviews in pieces', chunked],
  ['reviews that fail', whole('/fails')],
  ['reviews in progress', whole('/later')],
  ['unsupported methods', 'GET /now HTTP/1.1\r\nHost: x\r\n\r\n'],
  ['unknown paths', 'GET /none HTTP/1.1\r\nHost: x\r\n\r\n'],
  ['bodies that are not a review', `${head('/now', 2)}{}`],
  ['bodies of another type', `${head('/now', 2, 'text/plain')}{}`],
])('a TLS connection leaves no listener and no byte behind after %s', (_, request) => {
  it('one after another', async () => {
    const client = await open();
    for (let count = 0; count < MANY && !client.over(); count += 1) {
      client.socket.write(request);
      await eventuallyTrue('answered', () => {
        answerAll();
        return client.answers() > count || client.over();
      });
    }
    expect(client.answers()).toBeGreaterThan(0);
    client.socket.destroy();
    await nothingIsLeft();
  });

  it.each([
    ['pipelined', '', () => undefined],
    ['pipelined, followed by bytes that are not HTTP', 'x\r\n\r\n', () => undefined],
    [
      'pipelined, followed by half a body',
      `${head('/now', 900)}abc`,
      (socket: TLSSocket) => void socket.end(),
    ],
    ['pipelined, then closed', '', (socket: TLSSocket) => void socket.end()],
    ['pipelined, then reset', '', (socket: TLSSocket) => void socket.destroy()],
  ])('%s', async (_how, tail, then) => {
    const client = await open();
    client.socket.write(request.repeat(MANY) + tail, () => then(client.socket));
    await eventuallyTrue('the connection is closed', client.over);
    client.socket.destroy();
    await nothingIsLeft();
  });
});

it('closes a connection that sends its next request before the response', async () => {
  const client = await open();
  client.socket.write(whole('/later').repeat(MANY));
  await eventuallyTrue('the connection is closed', client.over);
  expect(release.length).toBeLessThanOrEqual(1);
  expect(closed).toEqual(['pipelined']);
  await nothingIsLeft();
});
