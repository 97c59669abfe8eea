import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { createConnections } from '../../src/agent/connections.ts';
import { newUpstream } from '../../src/agent/proxy/component-call.ts';
import { serveOrdinary } from '../../src/agent/proxy/ordinary-client.ts';
import type { Serving } from '../../src/agent/proxy/requests.ts';
import type { ModelWaker } from '../../src/agent/residency/waker.ts';
import { milliseconds, seconds } from '../../src/lib/clock.ts';
import { systemClock } from '../../src/lib/system-clock.ts';
import { eventuallyTrue } from './eventually.ts';

/** The timeout of a request to a component that accepts no connection. */
const AWAY_MS = 2_000;

/** A component whose answers the test writes. */
export interface PlayedComponent {
  readonly server: Server;
  readonly port: number;
  /** Its connections, in the order of their arrival. */
  readonly sockets: Socket[];
  /** The bytes received on them. */
  readonly asked: string[];
  /** Called with each received chunk. */
  answer: (socket: Socket, request: string) => void;
  close(): void;
}

export async function playedComponent(answer: PlayedComponent['answer']): Promise<PlayedComponent> {
  const server = createServer((socket) => {
    component.sockets.push(socket.on('error', () => undefined));
    socket.on('data', (chunk) => {
      component.asked.push(chunk.toString('latin1'));
      component.answer(socket, chunk.toString('latin1'));
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const component: PlayedComponent = {
    ...{ server, port, sockets: [], asked: [], answer },
    close: () => {
      for (const socket of component.sockets) socket.destroy();
      server.close();
    },
  };
  return component;
}

/** A client that records the received bytes. */
export interface OrdinaryClient {
  readonly socket: Socket;
  readonly read: () => string;
  /** The statuses, once this many answers have begun. */
  readonly answers: (count: number) => Promise<string[]>;
}

/** Serves connections with ordinary requests without Node's server, to which they may be handed over. */
export interface OrdinaryFront {
  readonly state: Serving['state'];
  readonly observed: readonly (readonly [path: string, status: number])[];
  /** The number of connections handed over to Node's server. */
  readonly handedOver: () => number;
  open(): Promise<OrdinaryClient>;
  close(): void;
}

export async function startOrdinaryFront(componentPort: number, waker: ModelWaker): Promise<OrdinaryFront> {
  const upstream = newUpstream('127.0.0.1', componentPort, seconds(4));
  const connections = createConnections({ most: 100, mayCloseBusy: false, mostHeld: 1024 ** 2 });
  const wake = { waker, timeout: milliseconds(AWAY_MS), clock: systemClock };
  const state = { inFlight: 0, lastStarted: 0, draining: false };
  const observed: [string, number][] = [];
  const clients: Socket[] = [];
  let handedOver = 0;
  const serving: Serving = {
    ...{ upstream, connections, state, around: undefined, look: undefined, wake: () => wake },
    observe: (path, status) => void observed.push([path, status]),
    stopwatch: () => performance.now(),
    serveHttp: (socket) => {
      handedOver += 1;
      socket.destroy();
    },
  };
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    socket.on('error', () => socket.destroy());
    const connection = connections.admit(socket);
    if (connection !== undefined) serveOrdinary(serving, connection);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    ...{ state, observed, handedOver: () => handedOver },
    open: async () => {
      const client = await newClient((server.address() as AddressInfo).port);
      clients.push(client.socket);
      return client;
    },
    close: () => {
      for (const socket of clients) socket.destroy();
      connections.closeAll();
      upstream.direct.destroy();
      upstream.kept.destroy();
      upstream.fresh.destroy();
      server.close();
    },
  };
}

async function newClient(port: number): Promise<OrdinaryClient> {
  const socket = connect(port, '127.0.0.1').setNoDelay();
  socket.on('error', () => undefined);
  let read = '';
  socket.on('data', (chunk) => (read += chunk.toString()));
  await once(socket, 'connect');
  const statuses = () => [...read.matchAll(/HTTP\/1\.1 (\d+)/g)].map(([, status = '']) => status);
  return {
    ...{ socket, read: () => read },
    answers: async (count) => {
      await eventuallyTrue(`${count} answers have come`, () => statuses().length >= count);
      return statuses();
    },
  };
}
