import { describe, expect, it } from '@jest/globals';
import { ordinaryAnswer } from '../../../../src/agent/proxy/ordinary-answer.decide.ts';

const read = (text: string) => ordinaryAnswer(Buffer.from(text, 'latin1'));
const head = (...headers: string[]) =>
  `HTTP/1.1 200 OK\r\n${headers.map((line) => `${line}\r\n`).join('')}\r\n`;

describe('the fast path for a response', () => {
  it('reads the headers unchanged', () => {
    const text = `${head('content-type: a/b', 'Content-Length:3 ', 'X: ', 'X:\ty z\t')}abc`;
    expect(read(text)).toEqual({
      status: 200,
      reason: 'OK',
      headers: ['content-type', 'a/b', 'Content-Length', '3', 'X', '', 'X', 'y z'],
      bodyAt: text.length - 3,
      length: 3,
      keptFor: undefined,
    });
  });

  it.each([
    [
      'an error',
      'HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n',
      { status: 503, reason: 'Busy', length: 0 },
    ],
    ['an empty reason', 'HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n', { reason: '' }],
    [
      'a byte above 127',
      head('A: \xe9', 'Content-Length: 0'),
      { headers: ['A', '\xe9', 'Content-Length', '0'] },
    ],
    ['keep-alive', head('Connection: Keep-Alive', 'Content-Length: 0'), { length: 0 }],
    ['a keep-alive timeout', head('Keep-Alive: max=5, timeout=7', 'Content-Length: 0'), { keptFor: 7 }],
  ])('accepts %s', (_, text, expected) => {
    expect(read(text)).toMatchObject(expected);
  });

  it.each([
    ['an incomplete head', 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n'],
    ['no length', head('A: b')],
    ['two lengths', head('Content-Length: 3', 'Content-Length: 3')],
    ['a list of lengths', head('Content-Length: 3, 3')],
    ['a signed length', head('Content-Length: +3')],
    ['a length in another notation', head('Content-Length: 0x3')],
    ['an empty length', head('Content-Length: ')],
    ['a length that is too large', head('Content-Length: 9007199254740993')],
    ['a length and chunks', head('Content-Length: 3', 'Transfer-Encoding: chunked')],
    ['chunks', head('Transfer-Encoding: chunked')],
    ['Connection: close', head('Content-Length: 3', 'Connection: close')],
    ['names in Connection', head('Content-Length: 3', 'Connection: keep-alive, A', 'A: b')],
    ['another protocol', head('Content-Length: 3', 'Upgrade: h2c')],
    ['trailers', head('Content-Length: 3', 'Trailer: X')],
    ['HTTP/1.0', 'HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n'],
    ['no reason', 'HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n'],
    ['a 1xx status', 'HTTP/1.1 100 Continue\r\nContent-Length: 0\r\n\r\n'],
    ['204', 'HTTP/1.1 204 None\r\nContent-Length: 3\r\n\r\n'],
    ['304', 'HTTP/1.1 304 Not Modified\r\nContent-Length: 3\r\n\r\n'],
    ['an invalid status', 'HTTP/1.1 600 Odd\r\nContent-Length: 0\r\n\r\n'],
    ['a folded line', head('A: b', ' c', 'Content-Length: 3')],
    ['a length on a folded line', head('Content-Length: 3', ' 4')],
    ['a blank before the colon', head('Content-Length : 3')],
    ['a line without a colon', head('A', 'Content-Length: 3')],
    ['an empty name', head(': b', 'Content-Length: 3')],
    ['a line that ends in LF', head('A: b\nContent-Length: 3')],
    ['a CR in a value', head('A: b\rc', 'Content-Length: 3')],
    ['a control character in a value', head('A: \x01', 'Content-Length: 3')],
    ['a blank that HTTP does not allow in a value', head('Content-Length: \xa03')],
    ['a very long head', head(`A: ${'b'.repeat(20_000)}`, 'Content-Length: 3')],
    ['bytes that are not HTTP', 'hello\r\n\r\n'],
    ['nothing', ''],
  ])('does not accept %s', (_, text) => {
    expect(read(text)).toBeUndefined();
  });
});
