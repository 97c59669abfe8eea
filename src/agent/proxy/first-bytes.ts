import type { Socket } from 'node:net';
import type { Milliseconds } from '../../lib/clock.ts';

/** How every HTTP/2 connection without TLS begins, where both sides know beforehand: RFC 9113 section 3.4. */
const H2C_PREFACE = Buffer.from('PRI * HTTP/2.0\r\n', 'latin1');

/** Who a connection is for. HTTP/2 gets it paused, and reads it when it likes. */
interface FirstBytes {
  readonly http1: (socket: Socket) => void;
  readonly http2: (socket: Socket) => void;
}

/**
 * Looks at the first bytes of a connection, as many as tell HTTP/2 in clear text from anything else, in however many packets
 * they come, and hands it over with those bytes still to be read. One that does not say so much in time is closed.
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
