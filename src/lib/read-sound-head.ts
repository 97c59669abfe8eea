import type { Readable } from 'node:stream';
import { soundHead } from './sound-head.decide.ts';

const HEAD_END = /\r?\n\r?\n/;
const LONGEST_END = 4;
/** How an answer begins. Empty lines may precede it. */
const START = /^[\r\n]*(?:H|$)(?:T|$)(?:T|$)(?:P|$)(?:\/|$)/;
/** With this many bytes it is certain whether this is an answer, or not worth waiting for more. */
const TELLING = 16;
/** An interim answer, such as 103. After 101 the connection has another protocol. */
const INTERIM = /^[\r\n]*HTTP\/\d\.\d +1(?!01)\d\d/;

/**
 * Makes the connection's next answer pass through {@link soundHead}. Node's parser refuses some answers that other
 * clients accept, and has no option for that. Anything that is not the start of an answer, and a head that is too long,
 * goes to the parser unchanged.
 * @param connection of which no byte of that answer has been read
 * @param mostBytes the longest head
 */
export function readSoundHead(connection: Readable, mostBytes: number): void {
  const push = connection.push.bind(connection);
  let held: Buffer[] = [];
  let heldBytes = 0;
  /** The end of the held bytes: the end of the head may come in two parts. */
  let tail = '';

  const hold = (chunk: Buffer): void => {
    held.push(chunk);
    heldBytes += chunk.length;
    tail = (tail + chunk.toString('latin1')).slice(1 - LONGEST_END);
  };
  const over = (...parts: Buffer[]): boolean => {
    connection.push = push;
    const all = Buffer.concat(parts);
    return all.length === 0 || push(all);
  };

  connection.push = (chunk: Buffer | null): boolean => {
    if (chunk === null) {
      over(...held);
      return push(null);
    }
    const mayEnd = HEAD_END.test(tail + chunk.toString('latin1'));
    hold(chunk);
    if (heldBytes > mostBytes || (heldBytes - chunk.length < TELLING && !START.test(textOf(held, TELLING))))
      return over(...held);
    if (!mayEnd) return true;
    const { sound, rest, isOver } = soundHeads(Buffer.concat(held));
    if (isOver) return over(sound, rest);
    [held, heldBytes, tail] = [[], 0, ''];
    hold(rest);
    return sound.length === 0 || push(sound);
  };
}

function textOf(parts: readonly Buffer[], most: number): string {
  return Buffer.concat(parts).toString('latin1', 0, most);
}

/** The complete heads, up to that of the final answer, and the bytes after them. */
function soundHeads(read: Buffer): { sound: Buffer; rest: Buffer; isOver: boolean } {
  const text = read.toString('latin1');
  let sound = '';
  let at = 0;
  for (;;) {
    const left = text.slice(at);
    const end = HEAD_END.exec(left.replace(/^[\r\n]+/, (lines) => ' '.repeat(lines.length)));
    const isStart = START.test(left.slice(0, TELLING));
    if (end !== null && isStart) {
      const headBytes = end.index + end[0].length;
      sound += soundHead(left.slice(0, headBytes));
      at += headBytes;
      if (INTERIM.test(left)) continue;
    }
    const isOver = end !== null || !isStart;
    return { sound: Buffer.from(sound, 'latin1'), rest: read.subarray(at), isOver };
  }
}
