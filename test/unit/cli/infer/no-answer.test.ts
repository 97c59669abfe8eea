import { createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { describe, expect, it } from '@jest/globals';
import { request } from 'undici';
import { whyNoAnswer } from '../../../../src/cli/infer/no-answer.decide.ts';
import { milliseconds } from '../../../../src/lib/clock.ts';

const TIMEOUT = milliseconds(1_500);

/** What a client reports for a server that does this with each connection. */
async function said(
  scheme: 'http' | 'https',
  withSocket: (socket: Socket) => void,
  options: object = {},
): Promise<string> {
  const sockets: Socket[] = [];
  const server = createServer((socket) => {
    sockets.push(socket);
    socket.on('error', () => undefined);
    withSocket(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  try {
    const { port } = server.address() as AddressInfo;
    return await request(`${scheme}://127.0.0.1:${port}`, options).then(
      () => 'answered',
      (thrown: unknown) => whyNoAnswer(thrown, TIMEOUT),
    );
  } finally {
    for (const socket of sockets) socket.destroy();
    server.close();
  }
}

describe('the reason why there was no response', () => {
  it('a server without TLS', async () => {
    const why = await said('https', (socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'));
    expect(why).toBe('by TLS; is it http:// instead of https://?');
  });

  it('a server with another protocol', async () => {
    const why = await said('http', (socket) => socket.end('SSH-2.0-x\r\n'));
    expect(why).toBe('by HTTP; is it https:// instead of http://, or another port?');
  });

  it('a server that closes the connection', async () => {
    const why = await said('http', (socket) => socket.destroy());
    expect(why).toMatch(/^\(.+\); is it the right address\?$/);
  });

  it.each([{ signal: AbortSignal.timeout(30) }, { headersTimeout: 30 }])(
    'a server that does not respond',
    async (options) => {
      const why = await said('http', () => undefined, options);
      expect(why).toBe('within 1.5 s; --timeout waits longer');
    },
  );

  it('no server', () => {
    const thrown = Object.assign(new Error('connect ECONNREFUSED 127.0.0.1:1'), { code: 'ECONNREFUSED' });
    expect(whyNoAnswer(thrown, TIMEOUT)).toBe('(connect ECONNREFUSED 127.0.0.1:1); is it the right address?');
  });
});
