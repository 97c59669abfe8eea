import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { connect } from 'node:net';
import type { EpochMs } from '../../../../src/lib/clock.ts';
import { createStatusBoard } from '../../../../src/agent/status/status-store.ts';
import { createAgentMetrics } from '../../../../src/agent/status/metrics.ts';
import type { StatusServer } from '../../../../src/agent/status/status-server.ts';
import { startStatusServer } from '../../../../src/agent/status/status-server.ts';

const MOST = 16;
const HEAD = 'GET /v1/models/watch HTTP/1.1\r\nHost: x\r\n';

describe('more readers of the status than there is room for', () => {
  let server: StatusServer;
  let clients: Socket[];

  beforeEach(async () => {
    clients = [];
    server = await startStatusServer({
      ...{ port: 0, address: '127.0.0.1', mostConnections: MOST },
      board: createStatusBoard('instance', 0 as EpochMs),
      metrics: createAgentMetrics(
        () => [],
        () => false,
      ),
      notReady: () => Promise.resolve(undefined),
      drainWait: { wait: () => Promise.resolve('') },
    });
  });
  afterEach(() => {
    for (const client of clients) client.destroy();
    server.close();
  });

  async function client(sent: string, localAddress: string): Promise<Socket> {
    const socket = connect({ port: server.port, host: '127.0.0.1', localAddress }).on(
      'error',
      () => undefined,
    );
    clients.push(socket);
    await once(socket, 'connect');
    if (sent !== '') socket.write(sent);
    return socket;
  }

  it.each([
    ['nothing', ''],
    ['half a head', HEAD],
    ['a watch that does not read', `${HEAD}\r\n`],
  ])('do not lock out other addresses: %s', async (_, sent) => {
    const watching = await client(`${HEAD}\r\n`, '127.0.0.1');
    await once(watching, 'data');
    for (let count = 0; count < 3 * MOST; count += 1) await client(sent, '127.0.0.2');
    const answer = await fetch(`http://127.0.0.1:${server.port}/v1/models`);
    expect(answer.status).toBe(200);
    expect(watching.resume().readableEnded).toBe(false);
    expect(watching.closed).toBe(false);
  });
});
