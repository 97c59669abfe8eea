import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { milliseconds } from '../lib/clock.ts';
import { MAX_HEAD_BYTES } from './proxy/proxied-request.decide.ts';

/** One connection of a client. */
export interface Connection {
  readonly socket: Socket;
  readonly address: string;
  /** Unfinished answers, in the order of their requests. */
  readonly pending: Set<ServerResponse>;
  /** A request whose answer Node does not write. There is one at a time, and nothing else is pending beside it. */
  ordinary: { readonly complete: boolean } | undefined;
  /** Handed over as a whole to other code. */
  isTunnel: boolean;
  /** Nothing that arrives from now on is served. */
  isEnding: boolean;
  /** When its last request ended, or when it was accepted. An order, not a time. */
  idleSince: number;
  /** The bytes read up to then. Later bytes belong to an incomplete head. */
  readBefore: number;
}

interface ConnectionsOptions {
  /** The most connections at once. */
  readonly most: number;
  /** Whether a busy connection may be closed for a new one, if its address has more connections than any other. */
  readonly mayCloseBusy: boolean;
  /** The most bytes of incomplete heads to hold for all connections together. */
  readonly mostHeld: number;
}

/** How often the held bytes are checked. */
const LOOK_EVERY = milliseconds(100);

/** The connections of a listener, limited in number. */
export interface Connections {
  readonly size: number;
  /** Accepts a new connection. If the limit is reached, an idle one is closed for it. Undefined if none is idle. */
  admit(socket: Socket): Connection | undefined;
  of(socket: Duplex): Connection | undefined;
  /** Records a request. It ends with its answer or with the connection. */
  began(outgoing: ServerResponse, socket: Socket): Connection | undefined;
  /** Records the end of the answer to an ordinary request. */
  endedOrdinary(connection: Connection): void;
  /** Calls back once no answer of the connection is pending; at once if none is. */
  whenAnswered(connection: Connection, callback: () => void): void;
  closeAll(): void;
}

export function createConnections({ most, mayCloseBusy, mostHeld }: ConnectionsOptions): Connections {
  const all = new Map<Duplex, Connection>();
  const waiting = new Map<Connection, () => void>();
  let order = 0;

  function becameIdle(connection: Connection): void {
    connection.idleSince = order += 1;
    connection.readBefore = connection.socket.bytesRead;
  }

  function ended(connection: Connection, outgoing: ServerResponse): void {
    connection.pending.delete(outgoing);
    if (connection.pending.size > 0) return;
    becameIdle(connection);
    const callback = waiting.get(connection);
    if (callback === undefined) return;
    waiting.delete(connection);
    callback();
  }

  const looking = setInterval(() => {
    // Fewer cannot hold so much.
    if (all.size * MAX_HEAD_BYTES > mostHeld) closeLargest([...all.values()].filter(isQuiet), mostHeld);
  }, LOOK_EVERY).unref();

  return {
    get size() {
      return all.size;
    },
    admit: (socket) => {
      if (all.size >= most && !makeRoom(all, mayCloseBusy ? addressOf(socket) : undefined)) {
        socket.destroy();
        return undefined;
      }
      const connection = newConnection(socket, (order += 1));
      all.set(socket, connection);
      socket.on('close', () => {
        all.delete(socket);
        waiting.delete(connection);
      });
      return connection;
    },
    of: (socket) => all.get(socket),
    began: (outgoing, socket) => {
      const connection = all.get(socket);
      if (connection === undefined) return undefined;
      connection.pending.add(outgoing);
      outgoing.on('close', () => ended(connection, outgoing));
      return connection;
    },
    endedOrdinary: (connection) => {
      connection.ordinary = undefined;
      becameIdle(connection);
    },
    whenAnswered: (connection, callback) => {
      if (connection.pending.size === 0) callback();
      else waiting.set(connection, callback);
    },
    closeAll: () => {
      clearInterval(looking);
      for (const socket of all.keys()) socket.destroy();
    },
  };
}

function newConnection(socket: Socket, idleSince: number): Connection {
  return {
    socket,
    address: addressOf(socket),
    pending: new Set(),
    ordinary: undefined,
    isTunnel: false,
    isEnding: false,
    idleSince,
    readBefore: 0,
  };
}

function addressOf({ remoteAddress = '' }: Socket): string {
  return remoteAddress;
}

/** Closes a connection for a new one. False if none can be closed. */
function makeRoom(all: Map<Duplex, Connection>, newcomer: string | undefined): boolean {
  const loser = leastMissed(all.values(), newcomer);
  if (loser === undefined) return false;
  // It closes later, but stops counting now: a thousand may arrive in one turn of the loop.
  all.delete(loser.socket);
  loser.socket.destroy();
  return true;
}

/**
 * The connection to close when there are too many. First choice: of the address with the most connections without a
 * request, the one that has been idle longest. Else one with an incomplete request. If busy ones may be closed, the
 * oldest of the address with the most connections, unless that is the new connection's own address.
 */
function leastMissed(all: Iterable<Connection>, newcomer: string | undefined): Connection | undefined {
  const connections = [...all];
  const counts = new Map<string, number>();
  for (const { address } of connections) counts.set(address, (counts.get(address) ?? 0) + 1);
  const oldest = (candidates: readonly Connection[]) =>
    candidates.reduce<Connection | undefined>((best, one) => {
      const more =
        (counts.get(one.address) ?? 0) - (best === undefined ? 0 : (counts.get(best.address) ?? 0));
      return best === undefined || more > 0 || (more === 0 && one.idleSince < best.idleSince) ? one : best;
    }, undefined);
  const slow = () =>
    connections.filter(
      ({ pending, ordinary }) =>
        ordinary?.complete === false || [...pending].some(({ req }) => !req.complete),
    );
  const found = oldest(connections.filter(isQuiet)) ?? oldest(slow());
  if (found !== undefined || newcomer === undefined) return found;
  const busy = oldest(connections);
  return busy?.address === newcomer ? undefined : busy;
}

/** Whether no request is running. */
function isQuiet({ isTunnel, pending, ordinary }: Connection): boolean {
  return !isTunnel && ordinary === undefined && pending.size === 0;
}

/** Closes the connections with the largest incomplete heads, until the others together hold no more than this. */
function closeLargest(quiet: readonly Connection[], mostHeld: number): void {
  const holding = quiet.map(({ socket, readBefore }) => ({ socket, held: socket.bytesRead - readBefore }));
  let all = holding.reduce((sum, { held }) => sum + held, 0);
  if (all <= mostHeld) return;
  for (const { socket, held } of holding.sort((one, other) => other.held - one.held)) {
    socket.destroy();
    all -= held;
    if (all <= mostHeld) return;
  }
}
