import { MORE_ROWS, type Row } from './proxy-more-inputs.ts';
import { TOLD } from './proxy-refusals.ts';

/** A client's input to the proxy, and the difference between ours and KServe's agent, if there is one. */
export interface ProxyInput {
  readonly name: string;
  /** One character for each byte. */
  readonly sent: string;
  readonly differs?:
    | 'refused here'
    /** KServe's agent refuses it. */
    | 'passed here'
    /** Both pass it on, and the component gets something else. */
    | 'passed otherwise';
  /** The text about it in the table of docs/agent-inside.md, if only ours refuses it. */
  readonly told?: string;
}

const get = (target: string, headers = 'Host: h\r\n', version = 'HTTP/1.1') =>
  `GET ${target} ${version}\r\n${headers}\r\n`;
const withHeader = (header: string) => get('/x', `Host: h\r\n${header}\r\n`);
const post = (headers: string, body = 'abc') => `POST /x HTTP/1.1\r\nHost: h\r\n${headers}\r\n\r\n${body}`;
const CHUNKS = '3\r\nabc\r\n0\r\n\r\n';
const inChunks = (chunks: string) => post('Transfer-Encoding: chunked', chunks);

/** docs/agent-inside.md gives the reasons for the differences. */
const ROWS: readonly Row[] = [
  ['GET', get('/x')],
  ...['POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE', 'PROPFIND', 'M-SEARCH', 'SOURCE'].map(
    (method): Row => [`${method} without a body`, `${method} /x HTTP/1.1\r\nHost: h\r\n\r\n`],
  ),
  ['an unknown method', 'FOO /x HTTP/1.1\r\nHost: h\r\n\r\n', { refused: 'methods' }],
  ['a method in small letters', 'get /x HTTP/1.1\r\nHost: h\r\n\r\n', { refused: 'methods' }],
  ['a method that is none', 'G(T /x HTTP/1.1\r\nHost: h\r\n\r\n'],
  ['CONNECT', 'CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n', { refused: 'methods' }],
  ['PRI that is no HTTP/2', 'PRI /x HTTP/1.1\r\nHost: h\r\n\r\n', { refused: 'methods' }],

  ['a body by its length', post('Content-Length: 3')],
  ['GET with a body', `${get('/x', 'Host: h\r\nContent-Length: 3\r\n')}abc`],
  ['a length of nothing', get('/x', 'Host: h\r\nContent-Length: 0\r\n')],
  ['a length with zeros before it', post('Content-Length: 003')],
  ['a length with blanks around it', post('Content-Length: \t3\t ')],
  ['two lengths that are the same', post('Content-Length: 3\r\nContent-Length: 3'), { refused: 'lengths' }],
  ['two lengths that differ', post('Content-Length: 3\r\nContent-Length: 4', 'abcd')],
  ...[
    '3, 3',
    '3, 4',
    '+3',
    '-3',
    '0x3',
    '3 4',
    '3.0',
    '1_0',
    '',
    '3;',
    '９',
    '99999999999999999999',
    '9223372036854775808',
  ].map((length): Row => [
    `the length "${length}"`,
    post(`Content-Length: ${Buffer.from(length).toString('latin1')}`),
  ]),

  ['chunks', inChunks(CHUNKS)],
  ['CHUNKED', post('Transfer-Encoding: CHUNKED', CHUNKS)],
  ['a coding after a tab', post('Transfer-Encoding:\tchunked', CHUNKS)],
  ['a coding with a blank after it', post('Transfer-Encoding: chunked ', CHUNKS)],
  [
    'length, then chunks',
    post('Content-Length: 3\r\nTransfer-Encoding: chunked', CHUNKS),
    { refused: 'lengths' },
  ],
  [
    'chunks, then length',
    post('Transfer-Encoding: chunked\r\nContent-Length: 3', CHUNKS),
    { refused: 'lengths' },
  ],
  ...[
    'gzip, chunked',
    'gzip',
    'identity',
    'chunked, gzip',
    'chunked, chunked',
    'xchunked',
    '"chunked"',
    'chunked;q=1',
    '',
  ].map((coding): Row => [`the coding "${coding}"`, post(`Transfer-Encoding: ${coding}`, CHUNKS)]),
  ['"identity" and a length', post('Transfer-Encoding: identity\r\nContent-Length: 3')],
  ['chunks said twice', post('Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked', CHUNKS)],
  ['two codings in two headers', post('Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked', CHUNKS)],
  ['a coding after a control character', post('Transfer-Encoding: \u000bchunked', CHUNKS)],
  ['a coding with a blank before the colon', post('Transfer-Encoding : chunked', CHUNKS)],
  ['a coding on a folded line', post('Transfer-Encoding:\r\n chunked', CHUNKS), { refused: 'folded' }],
  [
    'chunks in HTTP/1.0',
    `POST /x HTTP/1.0\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n${CHUNKS}`,
    { refused: 'lengths' },
  ],
  [
    'chunks and a length in HTTP/1.0',
    'POST /x HTTP/1.0\r\nHost: h\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\nabc',
    { refused: 'lengths' },
  ],
  ['a chunk with an extension', inChunks('3;a=b\r\nabc\r\n0\r\n\r\n')],
  ['a chunk with a blank after its size', inChunks('3 \r\nabc\r\n0\r\n\r\n'), { refused: 'lines' }],
  ['a chunk with zeros before its size', inChunks('0000000000000003\r\nabc\r\n0\r\n\r\n')],
  [
    'a chunk with more zeros before its size',
    inChunks('00000000000000003\r\nabc\r\n0\r\n\r\n'),
    'passed here',
  ],
  ...[
    '0x3\r\nabc\r\n0\r\n\r\n',
    '3\nabc\n0\n\n',
    '3\r\nabc\n0\r\n\r\n',
    '3;a\nabc\r\n0\r\n\r\n',
    '-3\r\nabc\r\n0\r\n\r\n',
    'fffffffffffffffff\r\nabc\r\n0\r\n\r\n',
    '\r\nabc\r\n0\r\n\r\n',
    '3\r\nabcd\r\n0\r\n\r\n',
  ].map((chunks): Row => [`the chunks ${JSON.stringify(chunks)}`, inChunks(chunks)]),
  ['trailers', post('Transfer-Encoding: chunked\r\nTrailer: X', '3\r\nabc\r\n0\r\nX: y\r\n\r\n')],
  ['trailers that were not announced', inChunks('3\r\nabc\r\n0\r\nX: y\r\n\r\n')],
  [
    'a length among the trailers',
    inChunks('3\r\nabc\r\n0\r\nContent-Length: 9\r\n\r\n'),
    { refused: 'trailers' },
  ],
  ['a trailer that is none', inChunks('3\r\nabc\r\n0\r\nX y\r\n\r\n')],

  ['a folded line', withHeader('A: b\r\n c'), { refused: 'folded' }],
  ['a folded line with a tab', withHeader('A: b\r\n\tc'), { refused: 'folded' }],
  ['a folded first line', get('/x', ' A: b\r\nHost: h\r\n')],
  ['a folded length', post('Content-Length:\r\n 3'), { refused: 'folded' }],
  ['lines that end with LF', 'GET /x HTTP/1.1\nHost: h\n\n', { refused: 'lines' }],
  ['one header that ends with LF', 'GET /x HTTP/1.1\r\nHost: h\nA: b\r\n\r\n', { refused: 'lines' }],
  ['a first line that ends with LF', 'GET /x HTTP/1.1\nHost: h\r\n\r\n', { refused: 'lines' }],
  ['a head that ends with LF', 'GET /x HTTP/1.1\r\nHost: h\r\n\n', { refused: 'lines' }],
  ['CR alone in a value', withHeader('A: b\rC: d')],
  ['CR CR LF', withHeader('A: b\r')],
  ...['\0', '\u0001', '\u007f'].map((byte): Row => [
    `byte ${byte.charCodeAt(0)} in a value`,
    withHeader(`A: b${byte}`),
  ]),
  ['a byte above 127 in a value', withHeader('A: \xe9')],
  ['an empty value', withHeader('A:')],
  ...['A b', 'A ', '', 'A(b)', '\xe9', 'A\0'].map((name): Row => [
    `the name ${JSON.stringify(name)}`,
    withHeader(`${name}: c`),
  ]),
  ['a name with an underscore', withHeader('a_b: c')],
  ['a line without a colon', withHeader('Abc')],
  ['a header three times', withHeader('A: 1\r\na: 2\r\nA: 1')],
  ['cookies', withHeader('Cookie: a\r\nCookie: b')],

  ['two hosts that are the same', withHeader('Host: h')],
  ['two hosts that differ', withHeader('Host: g')],
  ['no host', get('/x', 'A: b\r\n')],
  ['no host in HTTP/1.0', get('/x', 'A: b\r\n', 'HTTP/1.0')],
  ['HTTP/1.0', get('/x', 'Host: h\r\n', 'HTTP/1.0')],
  ['HTTP/1.0 that keeps the connection', get('/x', 'Host: h\r\nConnection: keep-alive\r\n', 'HTTP/1.0')],
  ...[
    '',
    'a b',
    'a/b',
    'a@b',
    'a"b',
    '\xc3\xa9.x',
    'a,b',
    '[::1]:80',
    '[fe80::1%25en0]:80',
    'h:80',
    'a%41',
    'a\\b',
    'a?b',
    'a#b',
  ].map((host): Row => [`the host "${host}"`, get('/x', `Host: ${host}\r\n`)]),

  ...[
    'http://a.b/c?d',
    'http://a.b:81/c?d',
    'http://a.b',
    'http://a.b?d',
    'https://a.b/c',
    'HTTP://a.b/c',
    'ftp://a.b/c',
    'http://u:p@a.b/c',
    'http:///c',
    'http://[::1]:8/c',
    'http://a.b//c',
    'http://a.b:/c',
    'http://a.b:x/c',
    'http://a%41/c',
    'http://a.b/c#d',
    'http://a.b/c"d',
    'http://a.b/%zz',
    'http://a b/c',
    'http://a.b/c d',
  ].map((url): Row => [`the target ${url}`, get(url)]),
  ['an absolute target without a Host', get('http://a.b/c', 'A: b\r\n')],
  ['an absolute target with two Hosts', get('http://a.b/c', 'Host: h\r\nHost: h\r\n')],
  ['POST to an absolute target', 'POST http://a.b/c HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc'],
  ['an absolute target of another kind', get('a:b'), { refused: 'targets' }],
  ['an absolute target of an odd scheme', get('h+c://a.b/c'), { refused: 'targets' }],
  ['an absolute target with an odd host', get('http://a<b/c'), { refused: 'targets' }],
  ['GET *', get('*'), { refused: 'targets' }],
  ['OPTIONS *', 'OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n'],
  ...[
    'x',
    'x/y?z',
    '?x',
    '//x/y',
    '//',
    '///',
    '/x#y',
    '/x?a#y',
    '/x%zz',
    '/x%4',
    '/x%',
    '/x?%zz',
    '/x%00',
    '/a%2Fb',
    '/a%2fb',
    '/%41',
    '/a%20b',
    '/%C3%A9',
    '/a"b',
    '/a<b>',
    '/a|b',
    '/a{b}',
    '/a^b',
    '/a`b',
    '/a\\b',
    '/a[b]',
    "/a;b,c!d$e&f'g(h)i*j+k=l:m@n~o",
    '/a%2F"b',
    '/a!"b',
    '/a%25"b',
    '/a%22b',
    '/x?a"b<c>|{}^`\\',
    '/x?',
    '/x??a?',
    '/x?a;b',
    '/a/../b/./c',
    '/a/%2e%2e/b',
    '/a\tb',
    '/a\u007fb',
    '/a\u0001b',
    '/a?\u0001b',
    '/a b',
  ].map((target): Row => [`the target ${JSON.stringify(target)}`, get(target)]),
  ['bytes above 127 in a path', get('/\xc3\xa9'), { refused: 'bytes' }],
  ['bytes above 127 in a query', get('/x?\xc3\xa9'), { refused: 'bytes' }],

  ...['HTTP/2.0', 'HTTP/0.9', 'http/1.1', 'HTTP/1.10', 'HTTP/3', 'HTTPS/1.1'].map((version): Row => [
    `the version ${version}`,
    get('/x', 'Host: h\r\n', version),
  ]),
  ['the version HTTP/1.2', get('/x', 'Host: h\r\n', 'HTTP/1.2'), { refused: 'versions' }],
  ['no version', 'GET /x\r\n\r\n'],
  ['two blanks in the first line', 'GET  /x HTTP/1.1\r\nHost: h\r\n\r\n', 'passed here'],
  ['a blank at the end of the first line', 'GET /x HTTP/1.1 \r\nHost: h\r\n\r\n'],
  ['tabs in the first line', 'GET\t/x\tHTTP/1.1\r\nHost: h\r\n\r\n'],
  ['empty lines before it', '\r\n\r\nGET /x HTTP/1.1\r\nHost: h\r\n\r\n', 'passed here'],
  ['a blank before it', ' GET /x HTTP/1.1\r\nHost: h\r\n\r\n'],
  ['an empty line after a body', `${post('Content-Length: 3')}\r\n${get('/y')}`],

  ['what proxies before have added', withHeader('X-Forwarded-For: 1.2.3.4')],
  [
    'what several proxies have added',
    withHeader(
      'X-Forwarded-For: 1.2.3.4\r\nX-Forwarded-For: ::1, 5.6.7.8\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: a',
    ),
  ],
  ['the protocol alone', withHeader('X-Forwarded-Proto: https')],
  ['Forwarded', withHeader('Forwarded: for=1\r\nX-Forwarded-For: 1.2.3.4')],
  ['an empty X-Forwarded-For', withHeader('X-Forwarded-For:')],
  ['names in Connection', withHeader('Connection: a, Content-Length, Host, Transfer-Encoding\r\nA: b')],
  ['X-Forwarded-For in Connection', withHeader('Connection: X-Forwarded-For\r\nX-Forwarded-For: 1')],
  ['Content-Length in Connection', post('Connection: Content-Length\r\nContent-Length: 3')],
  [
    'headers of the connection',
    withHeader(
      'Keep-Alive: 5\r\nProxy-Connection: x\r\nProxy-Authorization: y\r\nProxy-Authenticate: z\r\nTE: trailers',
    ),
  ],
  ['TE with a weight', withHeader('TE: gzip;q=1, trailers;q=0.5')],
  ['TE with another token', withHeader('TE: trailersx')],
  ['TE in two headers', withHeader('TE: gzip\r\nTE: trailers')],
  ['the body with the wish to be asked for it', post('Expect: 100-continue\r\nContent-Length: 3')],
  ['a wish that is unknown', post('Expect: foo\r\nContent-Length: 3')],
  ['GET with the wish to be asked for a body', withHeader('Expect: 100-continue')],
  ['an empty User-Agent', withHeader('User-Agent:')],
  ['Accept-Encoding', withHeader('Accept-Encoding: br')],
  ['Range', withHeader('Range: bytes=0-1')],
  ['Pragma', withHeader('Pragma: no-cache')],

  [
    'a wish for HTTP/2',
    withHeader(
      'Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA',
    ),
    'passed otherwise',
  ],
  [
    'a wish for HTTP/2 without settings',
    withHeader('Connection: Upgrade\r\nUpgrade: h2c'),
    'passed otherwise',
  ],
  [
    'POST with a wish for HTTP/2',
    post('Connection: Upgrade\r\nUpgrade: h2c\r\nContent-Length: 3'),
    'passed otherwise',
  ],
  ['a wish for WebSocket', withHeader('Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: a')],
  [
    'a wish for WebSocket behind a request',
    `${get('/y')}${withHeader('Connection: Upgrade\r\nUpgrade: websocket')}`,
  ],
  [
    'POST with a wish for WebSocket',
    post('Connection: Upgrade\r\nUpgrade: websocket\r\nContent-Length: 3'),
    'passed otherwise',
  ],
  ['Upgrade that Connection does not name', withHeader('Upgrade: websocket')],
  ['Connection that names no Upgrade', withHeader('Connection: Upgrade')],

  ['three requests at once', `${post('Content-Length: 3')}${get('/y')}${inChunks(CHUNKS)}`],
  ['a header of 50 kB', withHeader(`A: ${'a'.repeat(50_000)}`)],
  ['a header of 1 MB', withHeader(`A: ${'a'.repeat(1_000_000)}`)],
  ['a header of 1.1 MB', withHeader(`A: ${'a'.repeat(1_100_000)}`)],
  ['a target of 100 kB', get(`/${'a'.repeat(100_000)}`)],
  [
    'headers of 100 kB',
    withHeader(Array.from({ length: 100 }, (_, index) => `A${index}: ${'b'.repeat(1_000)}`).join('\r\n')),
  ],
  ['1,500 headers, the coding last', post(`${'A: b\r\n'.repeat(1_500)}Transfer-Encoding: chunked`, CHUNKS)],
  ['9,000 headers, the length last', post(`${'A: b\r\n'.repeat(9_000)}Content-Length: 3`)],
  ['11,000 headers', post(`${'A: b\r\n'.repeat(11_000)}Content-Length: 3`), { refused: 'headers' }],
];

export const PROXY_INPUTS: readonly ProxyInput[] = [...ROWS, ...MORE_ROWS].map(
  ([name, sent, differs]): ProxyInput => {
    if (differs === undefined) return { name, sent };
    if (typeof differs === 'string') return { name, sent, differs };
    return { name, sent, differs: 'refused here', told: TOLD[differs.refused] };
  },
);
