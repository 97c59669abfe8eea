import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { once } from 'node:events';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { createServer } from 'node:http';
import type { Server as TcpServer, Socket } from 'node:net';
import { connect, createServer as createTcpServer } from 'node:net';
import { text } from 'node:stream/consumers';
import type { Proxy } from '../../../../src/agent/proxy/proxy-server.ts';
import { proxyBefore } from '../../../support/proxy-before.ts';
import { eventuallyTrue } from '../../../support/eventually.ts';

/** The last request on a connection. */
const LAST = 'GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n';
const LARGE = 20 * 1024 ** 2;
const LARGE_BODY = `POST / HTTP/1.1\r\nHost: x\r\nContent-Length: ${LARGE}\r\n\r\n${'x'.repeat(LARGE)}`;

let proxy: Proxy;
let component: Server | TcpServer;

afterEach(async () => {
  await proxy.close(AbortSignal.abort());
  component.close();
});

async function startBefore(server: Server | TcpServer): Promise<void> {
  component = server.listen(0, '127.0.0.1');
  await once(component, 'listening');
  proxy = await proxyBefore(component);
}

/** Sends everything before it reads anything. Returns the status and body of each response. */
async function exchange(sent: string): Promise<string[]> {
  const socket = connect(proxy.port, '127.0.0.1').pause();
  await new Promise<void>((resolve, reject) => {
    socket.on('error', reject);
    socket.write(sent, 'latin1', () => resolve());
  });
  return (await text(socket))
    .split(/(?=HTTP\/1\.1 \d{3} )/)
    .map((answer) => `${answer.slice(9, 12)} ${answer.slice(answer.indexOf('\r\n\r\n') + 4)}`);
}

describe('unusual requests', () => {
  let handle: (incoming: IncomingMessage, outgoing: ServerResponse) => void;

  beforeEach(async () => {
    handle = (_incoming, outgoing) => outgoing.end('answer');
    await startBefore(createServer((incoming, outgoing) => handle(incoming, outgoing)));
  });
  afterEach(() => (component as Server).closeAllConnections());

  it.each([
    ['no chunks', 'GET / HTTP/1.1\r\nHost: x\r\nTrailer: X\r\n\r\n'],
    ['a known length', 'POST / HTTP/1.1\r\nHost: x\r\nTrailer: X\r\nContent-Length: 4\r\n\r\nbody'],
  ])('are passed on when they announce trailers with %s', async (_, sent) => {
    expect(await exchange(`${sent}${LAST}`)).toEqual(['200 answer', '200 answer']);
  });

  it.each([
    ['two hosts', 'Host: x\r\nHost: x\r\n\r\n'],
    ['no host', '\r\n'],
    ['an invalid length', 'Host: x\r\nContent-Length: +3\r\n\r\nabc'],
    ['another transfer coding', 'Host: x\r\nTransfer-Encoding: gzip\r\n\r\nabc'],
    ['a length and chunks', `Host: x\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`],
  ])('close the connection for OPTIONS * with %s', async (_, sent) => {
    const answers = await exchange(`OPTIONS * HTTP/1.1\r\n${sent}${LAST}`);
    expect(answers.map((answer) => answer.slice(0, 2))).toEqual([expect.stringMatching(/^[45]/)]);
  });

  it('get chunks and trailers as HTTP/1.0 when they use HTTP/1.0', async () => {
    handle = (_incoming, outgoing) => {
      outgoing.writeHead(200, { trailer: 'X', 'transfer-encoding': 'chunked' });
      outgoing.addTrailers({ X: 'y' });
      outgoing.end('answer');
    };
    expect(await exchange('GET / HTTP/1.0\r\nHost: x\r\n\r\n')).toEqual(['200 answer']);
  });

  it('are read to their end when the component disconnects, and the next one is served', async () => {
    handle = (incoming, outgoing) => {
      if (incoming.method === 'POST') outgoing.destroy();
      else outgoing.end('answer');
    };
    const [first, second] = await exchange(`${LARGE_BODY}${LAST}`);
    expect([first?.slice(0, 3), second]).toEqual(['502', '200 answer']);
  });

  it('are served with their body when they also ask for an upgrade', async () => {
    const head = 'POST /x HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n';
    handle = (incoming, outgoing) => void text(incoming).then((content) => outgoing.end(`got ${content}`));
    const chunks = 'Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n';
    expect(await exchange(`${head}${chunks}${LAST}`)).toEqual(['200 got hello', '200 got ']);
  });

  it('are rejected and end the earlier ones when they use CONNECT', async () => {
    handle = () => undefined;
    const waiting = 'GET /a HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(2);
    const socket = connect(proxy.port, '127.0.0.1').on('error', () => undefined);
    socket.write(`${waiting}CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n`);
    expect(await text(socket)).toContain('405 Method Not Allowed');
    await eventuallyTrue('they are over', () => proxy.activity().inFlight === 0);
  });
});

describe('unusual responses', () => {
  function answerWith(answer: (socket: Socket) => void): Promise<void> {
    return startBefore(
      createTcpServer((socket) => {
        socket.on('error', () => undefined).once('data', () => answer(socket));
      }),
    );
  }

  it.each([
    ['announce trailers without chunks', '200 OK\r\nTrailer: X\r\nContent-Length: 2\r\n\r\nok', '200 ok'],
    ['announce trailers without a body', '304 Not Modified\r\nTrailer: X\r\n\r\n', '304 '],
    ['switch to an unrequested protocol', '101 X\r\nUpgrade: websocket\r\n\r\n', '502 {"error":'],
    ['have an invalid status', '099 X\r\nContent-Length: 0\r\n\r\n', '502 {"error":'],
    ['have an invalid reason', '200 O\u0001K\r\nContent-Length: 0\r\n\r\n', '200 '],
  ])('affect only their own request when they %s', async (_, answer, expected) => {
    const connection = answer.startsWith('101') ? 'Upgrade' : 'close';
    const reported = answer.replace('\r\n', `\r\nConnection: ${connection}\r\n`);
    await answerWith((socket) => socket.end(`HTTP/1.1 ${reported}`, 'latin1'));
    const answers = await exchange(`GET / HTTP/1.1\r\nHost: x\r\n\r\n${LAST}`);
    expect(answers.map((one) => one.slice(0, expected.length))).toEqual([expected, expected]);
  });

  it('reach a client that first sends all of a large body, which the component does not read', async () => {
    const tooLarge = 'HTTP/1.1 413 Too Large\r\nConnection: close\r\nContent-Length: 0\r\n\r\n';
    await answerWith((socket) => socket.pause().end(tooLarge));
    expect(await exchange(`${LARGE_BODY}${LAST}`)).toEqual(['413 ', '413 ']);
  });
});
