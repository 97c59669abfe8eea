import type { Socket } from 'node:net';
import type { Milliseconds } from '../../lib/clock.ts';

/** The preface of every HTTP/2 connection without TLS and with prior knowledge: RFC 9113 section 3.4. */
const H2C_PREFACE = Buffer.from('PRI * HTTP/2.0\r\n', 'latin1');

/** The receiver of a connection. HTTP/2 gets it paused, and reads it when it is ready. */
interface FirstBytes {
  readonly http1: (socket: Socket) => void;
  readonly http2: (socket: Socket) => void;
}

/**
 * Reads enough of a connection to distinguish HTTP/2 in clear text from anything else, in however many packets it
 * comes, and hands it over with those bytes still to be read. A connection that does not send them in time is closed.
 */
export function lookFirst(socket: Socket, within: Milliseconds, { http1, http2 }: FirstBytes): void {
  let seen: Buffer = Buffer.alloc(0);
  const tooLate = setTimeout(() => socket.destroy(), within);
  const forget = () => clearTimeout(tooLate);
  const look = (chunk: Buffer): void => {
    seen = seen.length === 0 ? chunk : Buffer.concat([seen, chunk]);
    const length = Math.min(seen.length, H2C_PREFACE.length);
    const isLike = seen.compare(H2C_PREFACE, 0, length, 0, length) === 0;
    if (isLike && length < H2C_PREFACE.length) return;
    forget();
    socket.off('data', look).off('close', forget);
    socket.pause();
    socket.unshift(seen);
    if (isLike) http2(socket);
    else {
      http1(socket);
      socket.resume();
    }
  };
  socket.on('data', look).on('close', forget);
}
