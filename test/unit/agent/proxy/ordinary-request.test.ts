import { describe, expect, it } from '@jest/globals';
import { ordinaryRequest } from '../../../../src/agent/proxy/ordinary-request.decide.ts';

const read = (text: string) => ordinaryRequest(Buffer.from(text, 'latin1'));
const head = (...headers: string[]) =>
  `POST /v2/models/a/infer HTTP/1.1\r\n${headers.map((line) => `${line}\r\n`).join('')}\r\n`;

describe('the fast path for a request', () => {
  it('reads the headers unchanged', () => {
    const text = `${head('host: h', 'Content-Length:3 ', 'X: ', 'X:\ty z\t')}abc`;
    expect(read(text)).toEqual({
      method: 'POST',
      target: '/v2/models/a/infer',
      headers: ['host', 'h', 'Content-Length', '3', 'X', '', 'X', 'y z'],
      bodyAt: text.length - 3,
      length: 3,
    });
  });

  it.each([
    ['no length', head('Host: h'), { length: 0 }],
    ['a body that has not arrived', head('Content-Length: 3'), { length: 3 }],
    ['a query', 'GET /a?b=c&d=%20 HTTP/1.1\r\n\r\n', { method: 'GET', target: '/a?b=c&d=%20' }],
    ['a byte above 127', head('A: \xe9'), { headers: ['A', '\xe9'] }],
    ['keep-alive', head('Connection: Keep-Alive'), { length: 0 }],
    ['a User-Agent', head('User-Agent: curl/8'), { length: 0 }],
  ])('accepts %s', (_, text, expected) => {
    expect(read(text)).toMatchObject(expected);
  });

  it.each([
    ['an incomplete head', 'GET / HTTP/1.1\r\nHost: h\r\n'],
    ['an empty line before it', `\r\n${head()}`],
    ['two lengths', head('Content-Length: 3', 'Content-Length: 3')],
    ['a list of lengths', head('Content-Length: 3, 3')],
    ['a signed length', head('Content-Length: +3')],
    ['a length with leading zeros', head('Content-Length: 03')],
    ['a length in another notation', head('Content-Length: 0x3')],
    ['an empty length', head('Content-Length: ')],
    ['a length that is too large', head('Content-Length: 9007199254740993')],
    ['a length on a folded line', head('Content-Length: 3', ' 4')],
    ['a blank before the colon', head('Content-Length : 3')],
    ['a length and chunks', head('Content-Length: 3', 'Transfer-Encoding: chunked')],
    ['chunks', head('Transfer-Encoding: chunked')],
    ['another transfer coding', head('transfer-encoding: gzip')],
    ['Connection: close', head('Connection: close')],
    ['names in Connection', head('Connection: keep-alive, A', 'A: b')],
    ['an upgrade', head('Connection: keep-alive', 'Upgrade: h2c')],
    ['Expect: 100-continue', head('Expect: 100-continue', 'Content-Length: 3')],
    ['trailers', head('TE: trailers')],
    ['a Trailer header', head('Trailer: X')],
    ['a probe of Knative', head('K-Network-Probe: queue')],
    ['a probe of kubelet', head('K-Kubelet-Probe: queue')],
    ['a probe by its User-Agent', head('User-Agent: kube-probe/1.36')],
    ['HTTP/1.0', 'GET / HTTP/1.0\r\n\r\n'],
    ['another version', 'GET / HTTP/1.2\r\n\r\n'],
    ['HEAD', 'HEAD / HTTP/1.1\r\n\r\n'],
    ['CONNECT', 'CONNECT /a HTTP/1.1\r\n\r\n'],
    ['a custom method', 'FOO / HTTP/1.1\r\n\r\n'],
    ['a lower-case method', 'get / HTTP/1.1\r\n\r\n'],
    ['an absolute target', 'GET http://h/ HTTP/1.1\r\n\r\n'],
    ['an asterisk', 'OPTIONS * HTTP/1.1\r\n\r\n'],
    ['a fragment', 'GET /a#b HTTP/1.1\r\n\r\n'],
    ['a blank in the target', 'GET /a b HTTP/1.1\r\n\r\n'],
    ['two blanks', 'GET  /a HTTP/1.1\r\n\r\n'],
    ['a tab instead of a blank', 'GET\t/a HTTP/1.1\r\n\r\n'],
    ['a byte above 127 in the target', 'GET /\xe9 HTTP/1.1\r\n\r\n'],
    ['a control character in the target', 'GET /\x7f HTTP/1.1\r\n\r\n'],
    ['a folded line', head('A: b', ' c')],
    ['a line without a colon', head('A')],
    ['an empty name', head(': b')],
    ['a line that ends in LF', head('A: b\nB: c')],
    ['a request line that ends in LF', 'GET / HTTP/1.1\nHost: h\r\n\r\n'],
    ['a CR in a value', head('A: b\rc')],
    ['a control character in a value', head('A: \x01')],
    ['a NUL in a name', head('A\0: b')],
    ['a very long head', head(`A: ${'b'.repeat(20_000)}`)],
    ['bytes that are not HTTP', 'hello\r\n\r\n'],
    ['nothing', ''],
  ])('does not accept %s', (_, text) => {
    expect(read(text)).toBeUndefined();
  });
});
