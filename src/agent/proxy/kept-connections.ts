import type { Socket } from 'node:net';
import { type Milliseconds, milliseconds, seconds } from '../../lib/clock.ts';
import { type ConnectionFault, type Kept, type KeptCallEvents, readOrdinary } from './answer-readers.ts';

interface KeptCall {
  readonly socket: Socket;
  pause(): void;
  resume(): void;
  /** Cancels the request, and closes its connection. */
  destroy(): void;
}

/** Connections to one server, each with one running request at most. */
export interface KeptConnections {
  /** Sends a request, one character a byte, in one write. A separate body follows in the same packets. */
  call(request: string, events: KeptCallEvents, body?: Buffer): KeptCall;
  destroy(): void;
}

/** The same number as for Node's own agent. */
const MOST_IDLE = 1_000;
/** A server may start to count earlier. Node's agent subtracts the same. */
const EARLIER = seconds(1);
const HANG_UP: ConnectionFault = { code: 'ECONNRESET', message: 'socket hang up' };

/**
 * Kept connections for requests and answers of the ordinary kind. Node's client makes a dozen objects and
 * registers as many listeners for each request. Here listeners belong to the connection, and an answer with a length is
 * passed on as its bytes come.
 * @param connect opens a connection
 * @param idle how long one is kept without a request
 */
export function keepConnections(connect: () => Socket, idle: Milliseconds): KeptConnections {
  const all = new Set<Kept>();
  /** The most recently used one is used first. */
  const unused: Kept[] = [];

  function open(): Kept {
    const socket = connect();
    const kept: Kept = { socket, isReused: false, idleTime: idle, reader: undefined };
    all.add(kept);
    listen(kept, () => drop(unused, kept));
    socket.on('close', () => all.delete(kept));
    return kept;
  }

  function take(): Kept {
    for (let kept = unused.pop(); kept !== undefined; kept = unused.pop()) {
      // A closing one is among them for a moment.
      if (!kept.socket.destroyed) return kept;
    }
    return open();
  }

  function release(kept: Kept, keptFor: number | undefined): void {
    kept.reader = undefined;
    const time = keptFor === undefined ? idle : milliseconds(Math.min(idle, seconds(keptFor) - EARLIER));
    if (time <= 0 || unused.length >= MOST_IDLE || kept.socket.destroyed) {
      kept.socket.destroy();
      return;
    }
    if (time !== kept.idleTime) kept.socket.setTimeout(time);
    kept.idleTime = time;
    kept.isReused = true;
    unused.push(kept);
  }

  return {
    call(request, events, body) {
      const kept = take();
      const { socket } = kept;
      const reader = readOrdinary(kept, events, release);
      kept.reader = reader;
      if (body === undefined) socket.write(request, 'latin1');
      else {
        socket.cork();
        socket.write(request, 'latin1');
        socket.write(body);
        socket.uncork();
      }
      return {
        socket,
        pause: () => void socket.pause(),
        resume: () => void socket.resume(),
        destroy: () => {
          if (kept.reader !== reader) return;
          kept.reader = undefined;
          socket.destroy();
        },
      };
    },
    destroy() {
      for (const { socket } of all) socket.destroy();
    },
  };
}

/** Registers once what every request of a connection needs. */
function listen(kept: Kept, ended: () => void): void {
  const { socket } = kept;
  const end = (fault: ConnectionFault, isError: boolean): void => {
    ended();
    const { reader } = kept;
    kept.reader = undefined;
    reader?.ended(fault, isError);
  };
  socket.setTimeout(kept.idleTime);
  socket.on('timeout', () => {
    if (kept.reader === undefined) socket.destroy();
  });
  socket.on('data', (chunk: Buffer) => {
    // No request was sent.
    if (kept.reader === undefined) socket.destroy();
    else kept.reader.data(chunk);
  });
  socket.on('error', (error: NodeJS.ErrnoException) => end(error, true));
  socket.on('end', () => end(HANG_UP, false));
  socket.on('close', () => end(HANG_UP, false));
}

function drop(unused: Kept[], kept: Kept): void {
  const at = unused.indexOf(kept);
  if (at >= 0) unused.splice(at, 1);
}
