import { describe, expect, it } from '@jest/globals';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { readSoundHead } from '../../../src/lib/read-sound-head.ts';
import { soundHead } from '../../../src/lib/sound-head.decide.ts';

const head = (...lines: string[]) => `HTTP/1.1 200 OK\r\n${lines.map((line) => `${line}\r\n`).join('')}\r\n`;
const LENGTH = 'Content-Length: 3';

describe('the head of a response', () => {
  it.each([
    ['a repeated length', head(LENGTH, 'A: b', 'content-length:3 '), head(LENGTH, 'A: b')],
    ['a length repeated five times', head(...Array.from({ length: 5 }, () => LENGTH)), head(LENGTH)],
    ['blanks before a colon', head('A : b', 'B \t: c', LENGTH), head('A: b', 'B: c', LENGTH)],
    ['a blank before the colon of the length', head('Content-Length : 3'), head(LENGTH)],
    ['a length repeated with a blank', head('Content-Length : 3', 'Content-Length: 3'), head(LENGTH)],
    ['a name with blanks', head('A b: c', 'A b c : d', LENGTH), head(LENGTH)],
    ['blanks before the status', 'HTTP/1.1   200 OK\r\nA: b\r\n\r\n', 'HTTP/1.1 200 OK\r\nA: b\r\n\r\n'],
    [
      'lines that end in LF',
      `HTTP/1.1 200 OK\nA : b\n${LENGTH}\n${LENGTH}\n\n`,
      `HTTP/1.1 200 OK\nA: b\n${LENGTH}\n\n`,
    ],
  ])('with %s is made unambiguous', (_, odd, sound) => {
    expect(soundHead(odd)).toBe(sound);
    expect(soundHead(sound)).toBe(sound);
  });

  it.each([
    ['nothing unusual', head('A: b : c', 'Date: Sun, 29 Nov 2026 21:00:00 GMT', LENGTH)],
    ['two different lengths', head(LENGTH, 'Content-Length: 4')],
    ['two spellings of a length', head(LENGTH, 'Content-Length: 03')],
    ['a folded line', head('A : b', ' c', LENGTH, LENGTH)],
    ['a line without a colon', head('A b', LENGTH)],
    ['an empty name', head(': b', ' : c')],
    ['a name with a parenthesis and a blank', head('A (b): c')],
    ['another header with a similar name', head('X-Content-Length: 3', LENGTH)],
    ['a repeated header', head('A: b', 'A: b', LENGTH)],
  ])('with %s stays unchanged', (_, odd) => {
    expect(soundHead(odd)).toBe(odd);
  });
});

describe('reading a response from a connection', () => {
  const ODD = head('A : b', LENGTH, LENGTH);
  const SOUND = head('A: b', LENGTH);
  const HINTS = 'HTTP/1.1 103 Early Hints\r\nLink : </a>\r\n\r\n';

  function read(sent: string, partBytes: number, mostBytes = 1_000): Promise<string> {
    const connection = new Readable({ read: () => undefined });
    readSoundHead(connection, mostBytes);
    for (let at = 0; at < sent.length; at += partBytes)
      connection.push(Buffer.from(sent.slice(at, at + partBytes), 'latin1'));
    connection.push(null);
    connection.setEncoding('latin1');
    return text(connection);
  }

  it.each([
    ['a response', `${ODD}abc`, `${SOUND}abc`],
    ['a response whose body looks like one', `${ODD}${ODD}`, `${SOUND}${ODD}`],
    [
      'a response after early hints',
      `${HINTS}${HINTS}${ODD}abc`,
      `${HINTS.replace(' :', ':').repeat(2)}${SOUND}abc`,
    ],
    ['a response after empty lines', `\r\n\r\n${ODD}abc`, `\r\n\r\n${SOUND}abc`],
    ['another protocol', `HTTP/1.1 101 X\r\nA : b\r\n\r\n${ODD}`, `HTTP/1.1 101 X\r\nA: b\r\n\r\n${ODD}`],
    ['no response', `hello\r\nA : b\r\n\r\n${ODD}`, `hello\r\nA : b\r\n\r\n${ODD}`],
    ['a truncated head', 'HTTP/1.1 200 OK\r\nA : b', 'HTTP/1.1 200 OK\r\nA : b'],
    ['nothing', '', ''],
  ])('returns %s, wherever it is split', async (_, sent, expected) => {
    for (const partBytes of [1, 2, 3, 5, 17, 1_000]) expect(await read(sent, partBytes)).toBe(expected);
  });

  it('does not hold back data that is not a response, and holds back at most the limit of a head', () => {
    const connection = new Readable({ read: () => undefined });
    readSoundHead(connection, 100);
    connection.push(Buffer.from('hello'));
    expect(String(connection.read())).toBe('hello');
    const long = new Readable({ read: () => undefined });
    readSoundHead(long, 100);
    long.push(Buffer.from(`HTTP/1.1 200 OK\r\nA : ${'b'.repeat(90)}`));
    expect(String(long.read())).toMatch(/^HTTP.*\r\nA : b/);
  });

  it.each([
    ['blanks without a colon', ' '.repeat(500_000)],
    ['blanks in a name', `A${' '.repeat(500_000)}b(: c`],
    ['blanks in a length', `Content-Length${' '.repeat(500_000)}x`],
  ])('reads many %s in linear time', (_, line) => {
    expect(soundHead(head(`A${line}`, 'B : c'))).toBe(head(`A${line}`, 'B: c'));
  });

  it('reads a head byte by byte in linear time', async () => {
    const long = head(`A : ${'b'.repeat(400_000)}`);
    expect(await read(long, 1, 1_000_000)).toBe(long.replace(' :', ':'));
  });
});
