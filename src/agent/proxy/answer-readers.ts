import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';
import type { Milliseconds } from '../../lib/clock.ts';
import { readSoundHead } from '../../lib/read-sound-head.ts';
import { MAX_HEAD_BYTES } from './proxied-request.decide.ts';
import { type OrdinaryAnswer, ordinaryAnswer } from './ordinary-answer.decide.ts';

/** How a connection ended before an answer was complete. */
export interface ConnectionFault {
  readonly code?: string | undefined;
  readonly syscall?: string | undefined;
  readonly message: string;
}

/** Where a request failed, and how far it had come. */
export interface FailedCall {
  readonly fault: ConnectionFault;
  readonly socket: Socket;
  readonly isReused: boolean;
  readonly isAnswered: boolean;
}

/** Receives the outcome of a request. */
export interface KeptCallEvents {
  /** The head of an ordinary answer, with the bytes of its body so far. */
  readonly answered: (answer: OrdinaryAnswer, body: Buffer, isWhole: boolean) => void;
  readonly more: (part: Buffer, isLast: boolean) => void;
  /** Any other answer. */
  readonly odd: (answer: OddAnswer) => void;
  readonly failed: (failed: FailedCall) => void;
  /** The head of an incomplete answer is passed on at once, instead of with all that arrives in the same turn. */
  readonly headAtOnce?: true;
}

/** An answer for Node's client to read. */
export interface OddAnswer {
  /** Takes a request, which was sent already, without sending it. What is read from it is the answer. */
  readonly connection: Duplex;
  /** The answer is complete, and the connection can take another request. */
  keep(): void;
}

/** The reader of a connection. */
interface Reader {
  data(chunk: Buffer): void;
  ended(fault: ConnectionFault, isError: boolean): void;
}

/** A connection and its reader. */
export interface Kept {
  readonly socket: Socket;
  isReused: boolean;
  idleTime: Milliseconds;
  reader: Reader | undefined;
}

/** Takes back a connection whose answer is complete. */
type Release = (kept: Kept, keptFor: number | undefined) => void;

/** Reads an ordinary answer, and hands any other over. */
export function readOrdinary(kept: Kept, events: KeptCallEvents, release: Release): Reader {
  let answer: OrdinaryAnswer | undefined;
  /** The bytes received and not passed on yet. Undefined once the head was passed on. */
  let held: Buffer | undefined;
  let left = 0;

  /** Passes the head on, with the bytes that follow it at once. */
  const passHead = (head: OrdinaryAnswer) => () => {
    // It was passed on as a whole, or is no longer wanted.
    if (held === undefined || kept.reader !== reader) return;
    const body = held;
    held = undefined;
    events.answered(head, body, false);
  };

  function body(head: OrdinaryAnswer, chunk: Buffer): void {
    const isWhole = chunk.length >= left;
    const part = chunk.length > left ? chunk.subarray(0, left) : chunk;
    // Bytes after a complete answer spoil the connection, not the answer.
    if (chunk.length > left) kept.socket.destroy();
    left -= part.length;
    if (isWhole) release(kept, head.keptFor);
    if (held === undefined) events.more(part, isWhole);
    else if (isWhole) {
      const whole = held.length === 0 ? part : Buffer.concat([held, part]);
      held = undefined;
      events.answered(head, whole, true);
    } else held = held.length === 0 ? part : Buffer.concat([held, part]);
  }

  const reader: Reader = {
    data(chunk) {
      if (answer !== undefined) {
        body(answer, chunk);
        return;
      }
      answer = ordinaryAnswer(chunk);
      if (answer === undefined) {
        events.odd(handOver(kept, chunk, release));
        return;
      }
      held = chunk.subarray(0, 0);
      left = answer.length;
      body(answer, chunk.subarray(answer.bodyAt));
      if (left === 0) return;
      if (events.headAtOnce === true) passHead(answer)();
      else setImmediate(passHead(answer));
    },
    ended: (fault) => {
      held = undefined;
      const { socket, isReused } = kept;
      events.failed({ fault, socket, isReused, isAnswered: answer !== undefined });
    },
  };
  return reader;
}

function handOver(kept: Kept, first: Buffer, release: Release): OddAnswer {
  const { socket } = kept;
  const connection = new Duplex({
    read: () => void socket.resume(),
    write: (_chunk, _encoding, done) => done(),
    destroy: (error, done) => {
      if (kept.reader === reader) {
        kept.reader = undefined;
        socket.destroy();
      }
      done(error);
    },
  });
  const reader: Reader = {
    data: (chunk) => {
      if (!connection.push(chunk)) socket.pause();
    },
    ended: (fault, isError) => {
      if (isError) connection.destroy(Object.assign(new Error(fault.message), fault));
      else connection.push(null);
    },
  };
  kept.reader = reader;
  readSoundHead(connection, MAX_HEAD_BYTES);
  reader.data(first);
  return {
    connection,
    keep: () => {
      if (kept.reader !== reader) return;
      socket.resume();
      release(kept, undefined);
      connection.destroy();
    },
  };
}
