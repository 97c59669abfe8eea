import { describe, expect, it } from '@jest/globals';
import { readMessage } from '../../../bench/load/http-message.ts';

const LENGTH = 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello';
const CHUNKED =
  'HTTP/1.1 404 Not Found\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhel\r\n\r\n3\r\nabc\r\n0\r\n\r\n';
const EMPTY = 'GET /v2/health/ready HTTP/1.1\r\nhost: a\r\n\r\n';

describe('an HTTP message', () => {
  it.each([
    { what: 'with a length', text: LENGTH, startLine: 'HTTP/1.1 200 OK' },
    { what: 'in chunks', text: CHUNKED, startLine: 'HTTP/1.1 404 Not Found' },
    { what: 'without a body', text: EMPTY, startLine: 'GET /v2/health/ready HTTP/1.1' },
  ])('$what ends at its end, and not before', ({ text, startLine }) => {
    const whole = Buffer.from(text);
    expect(readMessage(Buffer.concat([whole, Buffer.from('HTTP/1.1 200')]))).toEqual({
      startLine,
      end: whole.length,
    });
    for (let length = 0; length < whole.length; length += 1) {
      expect(readMessage(whole.subarray(0, length))).toBeUndefined();
    }
  });
});
