import { once } from 'node:events';
import * as http from 'node:http';
import * as https from 'node:https';
import * as net from 'node:net';
import type { AddressInfo } from 'node:net';
import * as tls from 'node:tls';
import { afterEach, describe, expect, it } from '@jest/globals';
import { makeRoomOn } from '../../../src/lib/connection-room.ts';
import type { RoomReason } from '../../../src/lib/connection-room.ts';
import { systemClock } from '../../../src/lib/system-clock.ts';
import { loopbackIssue } from '../../support/admission-server.ts';
import { eventuallyTrue } from '../../support/eventually.ts';
import { quietLogger } from '../../support/quiet-logger.ts';

const PLAIN = 'GET / HTTP/1.1\r\nHost: x\r\n\r\n';
const WITH_BODY = 'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}';
const UPGRADE = 'GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n';
/** More than Node reads at once. */
const MANY = 5_000;

const servers: http.Server[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
});

/** A server that never responds, so that each second request on a connection is pipelined. */
async function startServer(kind: 'HTTP' | 'HTTPS') {
  const { certificate } = await loopbackIssue();
  const seen = { requests: 0, closed: [] as RoomReason[] };
  const count = (): void => void (seen.requests += 1);
  const server =
    kind === 'HTTP'
      ? http.createServer(count)
      : https.createServer({ cert: certificate.certificate, key: certificate.key }, count);
  servers.push(server);
  const observe = (reason: RoomReason): void => void seen.closed.push(reason);
  makeRoomOn(server, { most: 10, clock: systemClock, logger: quietLogger, observe });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const target = { host: '127.0.0.1', port: (server.address() as AddressInfo).port };
  const connect = async (): Promise<net.Socket> => {
    const socket =
      kind === 'HTTP' ? net.connect(target) : tls.connect({ ...target, rejectUnauthorized: false });
    socket.on('error', () => undefined).resume();
    await once(socket, kind === 'HTTP' ? 'connect' : 'secureConnect');
    return socket;
  };
  return { seen, connect };
}

describe.each(['HTTP', 'HTTPS'] as const)('pipelined requests over %s', (kind) => {
  it.each([
    ['without bodies', PLAIN],
    ['with bodies', WITH_BODY],
    ['with an upgrade request second', PLAIN + UPGRADE],
    ['with an upgrade request third', PLAIN + PLAIN + UPGRADE],
    ['with an invalid request third', `${PLAIN}${PLAIN}\0\r\n\r\n`],
  ])('%s: the connection is closed, and the rest of the read is not parsed', async (_, requests) => {
    const { seen, connect } = await startServer(kind);
    const socket = await connect();
    socket.write(requests.repeat(MANY));
    await eventuallyTrue('the connection is closed', () => socket.destroyed);
    expect(seen).toEqual({ requests: 2, closed: ['pipelined'] });
    // The parser of the closed connection is reused.
    const next = await connect();
    next.write(WITH_BODY);
    await eventuallyTrue('the next connection is served', () => seen.requests === 3);
    next.destroy();
  });
});
