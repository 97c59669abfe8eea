import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { seconds } from './clock.ts';
import type { Clock, MonotonicMs } from './clock.ts';
import type { Logger } from './log.ts';
import { closeOnRequestsInAdvance } from './requests-in-advance.ts';

/**
 * Why a connection was closed or refused: it had sent no request, was idle after some, sent one too slowly, or sent the
 * next one before its answer.
 */
export const ROOM_REASONS = ['silent', 'idle', 'slow', 'young', 'refused', 'pipelined'] as const;
export type RoomReason = (typeof ROOM_REASONS)[number];

interface RoomOptions {
  /** The most connections at once. */
  readonly most: number;
  readonly clock: Pick<Clock, 'monotonic'>;
  readonly logger: Logger;
  readonly observe: (reason: RoomReason) => void;
}

interface ConnectionRoom {
  open(): number;
  /** What keeps new connections out. Undefined if there is room for one, or room can be made. */
  obstacle(): string | undefined;
}

interface Connection {
  readonly socket: Socket;
  readonly address: string;
  readonly since: MonotonicMs;
  /** The latest request, and when it began or, once answered, ended. */
  request?: IncomingMessage;
  answered: boolean;
  changed: MonotonicMs;
}

/** A well-behaved client has sent its request by then. Younger connections are closed last. */
const GRACE = seconds(1);
const WARN_EVERY = seconds(10);
/** Longer than the interval of readiness checks. */
const REFUSAL_REMEMBERED = seconds(5);
/** Sockets that are closing. The server still counts them until they are gone. */
const CLOSING = 64;

/**
 * Makes room on a server that is at its connection limit: a new connection is accepted, and another one of no current
 * use is closed. First those that have sent no request for a second, then those idle since their last answer, then
 * those that take longer than a second to send a request, then the rest; never one whose request is being answered.
 * Within each group, the address with the most connections loses its oldest one.
 */
export function makeRoomOn(server: Server, options: RoomOptions): ConnectionRoom {
  const { most, clock, observe } = options;
  const connections = new Map<string, Connection>();
  const warn = warner(options);
  let refusedAt: number | undefined;
  server.maxConnections = most + CLOSING;

  server.on('connection', (socket: Socket) => {
    if (connections.size >= most) {
      const victim = leastUseful(connections.values(), clock.monotonic());
      const reason = victim?.reason ?? 'refused';
      observe(reason);
      warn(reason, victim?.connection.address ?? addressOf(socket));
      if (victim === undefined) {
        refusedAt = clock.monotonic();
        socket.destroy();
        return;
      }
      connections.delete(keyOf(victim.connection.socket));
      victim.connection.socket.destroy();
    }
    const now = clock.monotonic();
    const key = keyOf(socket);
    const connection = { socket, address: addressOf(socket), since: now, answered: false, changed: now };
    connections.set(key, connection);
    socket.once('close', () => {
      if (connections.get(key) === connection) connections.delete(key);
    });
  });
  server.on('drop', () => {
    observe('refused');
    refusedAt = clock.monotonic();
  });
  // Over TLS this is another socket than the connected one, with the same addresses.
  server.prependListener('request', (request: IncomingMessage, response: ServerResponse) => {
    const connection = connections.get(keyOf(request.socket));
    if (connection === undefined || request.socket.destroyed) return;
    Object.assign(connection, { request, answered: false, changed: clock.monotonic() });
    response.once('close', () => {
      if (connection.request === request) connection.answered = true;
      connection.changed = clock.monotonic();
    });
  });
  closeOnRequestsInAdvance(server, () => observe('pipelined'));
  return {
    open: () => connections.size,
    obstacle: () =>
      refusedAt !== undefined && clock.monotonic() - refusedAt < REFUSAL_REMEMBERED
        ? `all of its ${most} connections have a request that is being answered`
        : undefined,
  };
}

interface Victim {
  readonly connection: Connection;
  readonly reason: RoomReason;
}

const ORDER: readonly RoomReason[] = ['silent', 'idle', 'slow', 'young'];

function leastUseful(connections: Iterable<Connection>, now: MonotonicMs): Victim | undefined {
  const all = [...connections].map((connection) => ({ connection, reason: useOf(connection, now) }));
  for (const reason of ORDER) {
    const candidates = all.filter((each): each is Victim => each.reason === reason);
    if (candidates.length > 0) return ofTheMostGreedy(candidates);
  }
  return undefined;
}

/** The reason for which it could be closed. Undefined while its request is being answered. */
function useOf({ request, answered, since, changed }: Connection, now: MonotonicMs): RoomReason | undefined {
  if (request === undefined) return now - since < GRACE ? 'young' : 'silent';
  if (answered) return 'idle';
  if (request.complete) return undefined;
  return now - changed < GRACE ? 'young' : 'slow';
}

function ofTheMostGreedy(candidates: readonly Victim[]): Victim | undefined {
  const byAddress = Map.groupBy(candidates, ({ connection }) => connection.address);
  const [first = [], ...others] = byAddress.values();
  const largest = others.reduce((most, group) => (group.length > most.length ? group : most), first);
  const [head, ...rest] = largest;
  if (head === undefined) return undefined;
  return rest.reduce(
    (oldest, each) => (each.connection.changed < oldest.connection.changed ? each : oldest),
    head,
  );
}

/** Under attack there are thousands a second; one line gives the number. */
function warner({ clock, logger, most }: RoomOptions): (reason: RoomReason, address: string) => void {
  const closed = new Map<RoomReason, number>();
  let warnedAt: number | undefined;
  return (reason, address) => {
    closed.set(reason, (closed.get(reason) ?? 0) + 1);
    if (warnedAt !== undefined && clock.monotonic() - warnedAt < WARN_EVERY) return;
    warnedAt = clock.monotonic();
    logger.warn(
      { most, closed: Object.fromEntries(closed), address },
      'there are too many connections; unused ones are closed to make room for new ones',
    );
    closed.clear();
  };
}

function addressOf({ remoteAddress }: Socket): string {
  return remoteAddress ?? '';
}

/** A client may connect to several addresses of this server from one port. */
function keyOf({ remoteAddress, remotePort, localAddress }: Socket): string {
  return `${remoteAddress ?? ''} ${remotePort ?? ''} ${localAddress ?? ''}`;
}
