import type { TOLD } from './proxy-refusals.ts';

type Differs = 'passed here' | 'passed otherwise';
/** The third element is the difference, or the reason for the refusal. */
export type Row = readonly [name: string, sent: string, differs?: Differs | { refused: keyof typeof TOLD }];

const to = (method: string, target: string, headers = 'Host: h\r\n', body = '') =>
  `${method} ${target} HTTP/1.1\r\n${headers}\r\n${body}`;
const CHUNKED = 'Host: h\r\nTransfer-Encoding: chunked\r\n';
const CHUNKS = '3\r\nabc\r\n0\r\n\r\n';

/** Targets with methods other than GET, large heads of all kinds, and bodies in unusual places. */
export const MORE_ROWS: readonly Row[] = [
  ...['http://a.b', 'http://a.b/', 'http://a.b/c?d', 'https://u:p@a.b//c', 'http://a.b:81?d'].flatMap((url) =>
    ['OPTIONS', 'HEAD', 'DELETE', 'PUT'].map((method): Row => [`${method} ${url}`, to(method, url)]),
  ),
  ['an absolute target, and another behind it', to('GET', 'http://a.b/c') + to('GET', 'http://d.e/f')],
  ['an absolute target with an empty user', to('GET', 'http://@a.b/c')],
  ['an absolute target with two users', to('GET', 'http://a@b@c.d/e')],
  ['an absolute target of capitals', to('GET', 'http://A.B/C')],
  ['two blanks before the version', 'GET http://a.b/c  HTTP/1.1\r\nHost: h\r\n\r\n', 'passed here'],
  ...[
    'Host: h\r\nHost: h\r\n',
    'Host: a b\r\n',
    '',
    'Host: h\r\nTransfer-Encoding: gzip\r\n',
    'Host: h\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n',
    'Host: h\r\nContent-Length: +3\r\n',
  ].map((headers): Row => [`OPTIONS * ${JSON.stringify(headers)}`, to('OPTIONS', '*', headers, CHUNKS)]),
  ['OPTIONS * in chunks', to('OPTIONS', '*', CHUNKED, CHUNKS)],
  ['OPTIONS * with a body', to('OPTIONS', '*', 'Host: h\r\nContent-Length: 3\r\n', 'abc')],
  ['HEAD, and a request behind it', to('HEAD', '/a') + to('GET', '/b')],
  ...['PUT', 'PATCH', 'DELETE', 'OPTIONS', 'GET', 'HEAD'].flatMap((method): Row[] => [
    [`${method} in chunks`, to(method, '/x', CHUNKED, CHUNKS)],
    [`${method} with a length`, to(method, '/x', 'Host: h\r\nContent-Length: 3\r\n', 'abc')],
  ]),
  [
    'a header of 100 kB',
    to('POST', '/x', `Host: h\r\nA: ${'a'.repeat(100_000)}\r\nContent-Length: 3\r\n`, 'abc'),
  ],
  ['an absolute target of 100 kB', to('GET', `http://a.b/${'c'.repeat(100_000)}`)],
  ['a query of 100 kB', to('GET', `/x?${'c=%20&'.repeat(16_000)}`)],
  ['a name of 60 kB', to('GET', '/x', `Host: h\r\n${'A'.repeat(60_000)}: b\r\n`)],
  ['cookies of 100 kB', to('GET', '/x', `Host: h\r\n${`Cookie: ${'a'.repeat(1_000)}\r\n`.repeat(100)}`)],
  ['2,001 headers', to('GET', '/x', `Host: h\r\n${'A: b\r\n'.repeat(2_000)}`)],
  ['100 kB in front of a request', to('GET', `/${'a'.repeat(100_000)}`) + to('GET', '/b')],
  ...[
    'X',
    'X, Y',
    ',X,,',
    '',
    'Content-Length',
    'X, transfer-encoding',
    'Trailer',
    'X Y',
    'X:',
    '\xd7&',
    'a"b',
  ].flatMap((value): Row[] => [
    [`Trailer: ${value}`, to('POST', '/x', `${CHUNKED}Trailer: ${value}\r\n`, CHUNKS)],
    [`Trailer: ${value}, without chunks`, to('GET', '/x', `Host: h\r\nTrailer: ${value}\r\n`)],
  ]),
  ...[
    'Forwarded:',
    'Forwarded:\r\nX-Forwarded-Host: a',
    'X-Forwarded-Host: a\r\nForwarded:\r\nForwarded: for=b',
    'Forwarded: for=b\r\nForwarded:\r\nX-Forwarded-Host: a',
    'Forwarded: \r\nForwarded:\r\nX-Forwarded-For: 1.2.3.4',
  ].map((headers): Row => [headers, to('GET', '/x', `Host: h\r\n${headers}\r\n`)]),
  ['many small trailers', to('POST', '/x', CHUNKED, `3\r\nabc\r\n0\r\n${'X: y\r\n'.repeat(100)}\r\n`)],
];
