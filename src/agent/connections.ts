import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { milliseconds } from '../lib/clock.ts';
import { MAX_HEAD_BYTES } from './proxy/proxied-request.decide.ts';

/** One connection of a client. */
export interface Connection {
  readonly socket: Socket;
  readonly address: string;
  /** Answers that are not over yet, in the order of their requests. */
  readonly pending: Set<ServerResponse>;
  /** A request whose answer is not Node's to write; there is one at a time, and nothing is pending beside it. */
  ordinary: { readonly complete: boolean } | undefined;
  /** Handed over as a whole to somebody else. */
  isTunnel: boolean;
  /** Nothing that comes from now on is served. */
  isEnding: boolean;
  /** When its last request was over, or when it came: by order, not by the clock. */
  idleSince: number;
  /** What had been read then: the rest is of a head that is not whole. */
  readBefore: number;
}

interface ConnectionsOptions {
  /** How many there may be at once. */
  readonly most: number;
  /** Whether one with a request under way may be closed for a new one, where its address has more connections than any other. */
  readonly mayCloseBusy: boolean;
  /** How many bytes of heads that are not whole may be held for all together. */
  readonly mostHeld: number;
}

/** How often it is looked at how much is held. */
const LOOK_EVERY = milliseconds(100);

/** The connections of a listener, of which there is room for so many. */
export interface Connections {
  readonly size: number;
  /** Takes a new connection in. When there is no room, one that does nothing is closed for it; undefined when none does. */
  admit(socket: Socket): Connection | undefined;
  of(socket: Duplex): Connection | undefined;
  /** Notes a request; it is over when its answer is, or the connection. */
  began(outgoing: ServerResponse, socket: Socket): Connection | undefined;
  /** Notes that the answer to an ordinary request is over. */
  endedOrdinary(connection: Connection): void;
  /** Calls back once no answer of the connection is pending; at once when none is. */
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

/** Closes a connection for a newcomer's; false when there is none to close. */
function makeRoom(all: Map<Duplex, Connection>, newcomer: string | undefined): boolean {
  const loser = leastMissed(all.values(), newcomer);
  if (loser === undefined) return false;
  // Closed later, but gone now: a thousand may come in one turn of the loop.
  all.delete(loser.socket);
  loser.socket.destroy();
  return true;
}

/**
 * The connection to close when there are too many: one without a request, of the address that has most of them, for the
 * longest time; else one whose request has not come whole. Where busy ones may be closed, the oldest of the address with most
 * connections, unless that is the newcomer's own.
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

/** Whether no request is under way. */
function isQuiet({ isTunnel, pending, ordinary }: Connection): boolean {
  return !isTunnel && ordinary === undefined && pending.size === 0;
}

/** Closes those that have sent most of a head that is not whole, until the others hold no more than this together. */
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
