/**
 * An answer of a component, and the difference between ours and KServe's agent in what a client reads, if there is
 * one.
 */
export interface ProxyAnswer {
  readonly name: string;
  /** One character for each byte. */
  readonly bytes: string;
  /** Whether the component closes the connection after it. */
  readonly closes?: boolean;
  readonly differs?:
    | 'refused here'
    | 'passed here'
    | 'passed otherwise'
    /** KServe's agent breaks it off; here the rest is waited for. */
    | 'waits here';
  /** The text about it in the table of docs/agent-inside.md, if only ours refuses it. */
  readonly told?: string;
}

const head = (headers: string, body = '') => `HTTP/1.1 200 OK\r\n${headers}\r\n\r\n${body}`;
const CHUNKS = '3\r\nabc\r\n0\r\n\r\n';
const LENGTH = 'Content-Length: 3';
const inChunks = (chunks: string, more = '') => head(`Transfer-Encoding: chunked${more}`, chunks);

export const PROXY_ANSWERS: readonly ProxyAnswer[] = [
  { name: 'a length', bytes: head(LENGTH, 'abc') },
  { name: 'chunks', bytes: inChunks(CHUNKS) },
  { name: 'a length and chunks', bytes: head(`${LENGTH}\r\nTransfer-Encoding: chunked`, CHUNKS) },
  { name: 'chunks and a length', bytes: inChunks(CHUNKS, '\r\nContent-Length: 13') },
  {
    name: 'a length that lies and chunks',
    bytes: head('Content-Length: 1\r\nTransfer-Encoding: chunked', CHUNKS),
  },
  { name: 'neither', bytes: head('Connection: close', 'abc'), closes: true },
  { name: 'neither, in HTTP/1.0', bytes: 'HTTP/1.0 200 OK\r\n\r\nabc', closes: true },
  { name: 'a length, in HTTP/1.0', bytes: `HTTP/1.0 200 OK\r\n${LENGTH}\r\n\r\nabc` },
  { name: 'the coding gzip, chunked', bytes: head('Transfer-Encoding: gzip, chunked', CHUNKS) },
  { name: 'the coding gzip', bytes: head('Transfer-Encoding: gzip', 'abc'), closes: true },
  { name: 'the coding identity', bytes: head(`Transfer-Encoding: identity\r\n${LENGTH}`, 'abc') },
  { name: 'the coding CHUNKED', bytes: head('Transfer-Encoding: CHUNKED', CHUNKS) },
  { name: 'two codings', bytes: head('Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked', CHUNKS) },
  { name: 'the coding chunked twice', bytes: inChunks(CHUNKS, '\r\nTransfer-Encoding: chunked') },
  {
    name: 'chunks in HTTP/1.0',
    bytes: `HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${CHUNKS}`,
    closes: true,
    differs: 'refused here',
    told: 'an answer of HTTP/1.0 with a `Transfer-Encoding`',
  },
  { name: 'two lengths that are the same', bytes: head(`${LENGTH}\r\nA: b\r\n${LENGTH}`, 'abc') },
  {
    name: 'two lengths that are the same, closed',
    bytes: head(`${LENGTH}\r\nConnection: close\r\n${LENGTH}`, 'abc'),
    closes: true,
  },
  { name: 'two lengths that differ', bytes: head(`${LENGTH}\r\nContent-Length: 4`, 'abcd') },
  { name: 'a list of lengths', bytes: head('Content-Length: 3, 3', 'abc') },
  { name: 'a length that is none', bytes: head('Content-Length: x', 'abc') },
  { name: 'an empty length', bytes: head('Content-Length:', 'abc'), closes: true },
  { name: 'a signed length', bytes: head('Content-Length: +3', 'abc') },
  { name: 'a length with zeros', bytes: head('Content-Length: 003', 'abc') },
  { name: 'a length with blanks', bytes: head('Content-Length: \t3\t ', 'abc') },
  { name: 'a blank before a colon', bytes: head(`A : b\r\n${LENGTH}`, 'abc'), differs: 'passed otherwise' },
  { name: 'a tab before a colon', bytes: head(`A\t: b\r\n${LENGTH}`, 'abc'), differs: 'passed here' },
  { name: 'a blank before the colon of the length', bytes: head('Content-Length : 3', 'abc'), closes: true },
  { name: 'a name with a blank', bytes: head(`A b: c\r\n${LENGTH}`, 'abc') },
  { name: 'a name with a parenthesis', bytes: head(`A(: c\r\n${LENGTH}`, 'abc') },
  { name: 'a name with a byte above 127', bytes: head(`\xe9: c\r\n${LENGTH}`, 'abc') },
  { name: 'an empty name', bytes: head(`: c\r\n${LENGTH}`, 'abc') },
  { name: 'a line without a colon', bytes: head(`Abc\r\n${LENGTH}`, 'abc') },
  { name: 'lines that end with LF', bytes: `HTTP/1.1 200 OK\n${LENGTH}\n\nabc` },
  { name: 'a folded line', bytes: head(`A: b\r\n c\r\n${LENGTH}`, 'abc') },
  { name: 'a folded first line', bytes: head(` A: b\r\n${LENGTH}`, 'abc'), differs: 'passed here' },
  { name: 'a folded length', bytes: head('Content-Length:\r\n 3', 'abc') },
  { name: 'a byte above 127', bytes: head(`A: \xe9\r\n${LENGTH}`, 'abc') },
  { name: 'a control character in a value', bytes: head(`A: \u0001\r\n${LENGTH}`, 'abc') },
  { name: 'a zero byte in a value', bytes: head(`A: \0\r\n${LENGTH}`, 'abc') },
  { name: 'CR alone in a value', bytes: head(`A: b\rc\r\n${LENGTH}`, 'abc') },
  { name: 'no reason', bytes: `HTTP/1.1 200\r\n${LENGTH}\r\n\r\nabc` },
  { name: 'a reason with a byte above 127', bytes: `HTTP/1.1 200 \xe9\r\n${LENGTH}\r\n\r\nabc` },
  { name: 'a reason with a control character', bytes: `HTTP/1.1 200 O\u0001\r\n${LENGTH}\r\n\r\nabc` },
  { name: 'two blanks before the status', bytes: `HTTP/1.1  200 OK\r\n${LENGTH}\r\n\r\nabc` },
  { name: 'a status of two digits', bytes: `HTTP/1.1 99 OK\r\n${LENGTH}\r\n\r\nabc` },
  { name: 'the status 099', bytes: `HTTP/1.1 099 OK\r\n${LENGTH}\r\n\r\nabc` },
  { name: 'the status 700', bytes: `HTTP/1.1 700 OK\r\n${LENGTH}\r\n\r\nabc` },
  { name: 'a status of four digits', bytes: `HTTP/1.1 2000 OK\r\n${LENGTH}\r\n\r\nabc` },
  { name: 'HTTP/1.2', bytes: `HTTP/1.2 200 OK\r\n${LENGTH}\r\n\r\nabc` },
  { name: 'HTTP/2.0', bytes: `HTTP/2.0 200 OK\r\n${LENGTH}\r\n\r\nabc` },
  { name: 'http/1.1', bytes: `http/1.1 200 OK\r\n${LENGTH}\r\n\r\nabc` },
  { name: 'an empty line before it', bytes: `\r\n${head(LENGTH, 'abc')}`, differs: 'passed here' },
  { name: 'a head of 100 kB', bytes: head(`A: ${'a'.repeat(100_000)}\r\n${LENGTH}`, 'abc') },
  { name: 'a head of 900 kB', bytes: head(`A: ${'a'.repeat(900_000)}\r\n${LENGTH}`, 'abc') },
  {
    name: 'a head of 2 MB',
    bytes: head(`A: ${'a'.repeat(2_000_000)}\r\n${LENGTH}`, 'abc'),
    differs: 'refused here',
    told: 'an answer with a head of more than 1 MiB',
  },
  { name: '2,500 headers', bytes: head(`${'A: b\r\n'.repeat(2_500)}${LENGTH}`, 'abc') },
  {
    name: '9,000 headers, the coding last',
    bytes: head(`${'A: b\r\n'.repeat(9_000)}Transfer-Encoding: chunked`, CHUNKS),
  },
  {
    name: '11,000 headers',
    bytes: head(`${'A: b\r\n'.repeat(11_000)}${LENGTH}`, 'abc'),
    differs: 'refused here',
    told: 'an answer with more than 10,000 headers',
  },
  { name: 'more than its length, on a connection that is kept', bytes: head(LENGTH, 'abcdef') },
  { name: 'more than its length', bytes: head(`${LENGTH}\r\nConnection: close`, 'abcdef'), closes: true },
  { name: 'trailers', bytes: inChunks('3\r\nabc\r\n0\r\nX: y\r\n\r\n', '\r\nTrailer: X') },
  { name: 'trailers that were not announced', bytes: inChunks('3\r\nabc\r\n0\r\nX: y\r\n\r\n') },
  {
    name: 'a trailer of 64 kB',
    bytes: inChunks(`3\r\nabc\r\n0\r\nX: ${'y'.repeat(65_536)}\r\n\r\n`, '\r\nTrailer: X'),
    differs: 'passed here',
  },
  {
    name: 'a length among the trailers',
    bytes: inChunks('3\r\nabc\r\n0\r\nContent-Length: 9\r\n\r\n'),
    differs: 'passed here',
  },
  {
    name: 'a length that is announced as a trailer',
    bytes: inChunks('3\r\nabc\r\n0\r\nContent-Length: 9\r\n\r\n', '\r\nTrailer: Content-Length'),
    differs: 'passed here',
  },
  { name: 'a trailer that is none', bytes: inChunks('3\r\nabc\r\n0\r\nX y\r\n\r\n') },
  { name: 'a chunk with an extension', bytes: inChunks('3;a=b\r\nabc\r\n0\r\n\r\n') },
  { name: 'a chunk with a blank after its size', bytes: inChunks('3 \r\nabc\r\n0\r\n\r\n') },
  { name: 'a chunk with a blank before its size', bytes: inChunks(' 3\r\nabc\r\n0\r\n\r\n') },
  { name: 'a chunk with zeros before its size', bytes: inChunks('0003\r\nabc\r\n0\r\n\r\n') },
  {
    name: 'a chunk with 20 zeros before its size',
    bytes: inChunks(`${'0'.repeat(20)}3\r\nabc\r\n0\r\n\r\n`),
    differs: 'passed here',
  },
  { name: 'chunks whose lines end with LF', bytes: inChunks('3\nabc\n0\n\n'), differs: 'waits here' },
  {
    name: 'a chunk that is longer than its size',
    bytes: inChunks('3\r\nabcd\r\n0\r\n\r\n'),
    differs: 'waits here',
  },
  { name: 'a chunk whose size is none', bytes: inChunks('x\r\nabc\r\n0\r\n\r\n') },
  { name: 'a chunk of 0x3', bytes: inChunks('0x3\r\nabc\r\n0\r\n\r\n') },
  { name: 'a cut body', bytes: head('Content-Length: 30', 'abc'), closes: true },
  { name: 'a cut chunk', bytes: inChunks('30\r\nabc'), closes: true },
  { name: 'chunks without their end', bytes: inChunks('3\r\nabc\r\n'), closes: true },
  { name: 'a cut head', bytes: 'HTTP/1.1 200 OK\r\nContent-Le', closes: true },
  { name: '204', bytes: 'HTTP/1.1 204 No Content\r\n\r\n' },
  { name: '204 with a length', bytes: `HTTP/1.1 204 No Content\r\n${LENGTH}\r\n\r\n` },
  { name: '205 with a body', bytes: `HTTP/1.1 205 Reset Content\r\n${LENGTH}\r\n\r\nabc` },
  { name: '304 with a length', bytes: `HTTP/1.1 304 Not Modified\r\n${LENGTH}\r\n\r\n` },
  { name: '304 with a coding', bytes: 'HTTP/1.1 304 Not Modified\r\nTransfer-Encoding: chunked\r\n\r\n' },
  { name: '100 before it', bytes: `HTTP/1.1 100 Continue\r\n\r\n${head(LENGTH, 'abc')}` },
  { name: '102 before it', bytes: `HTTP/1.1 102 Processing\r\n\r\n${head(LENGTH, 'abc')}` },
  { name: '103 before it', bytes: `HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n${head(LENGTH, 'abc')}` },
  {
    name: 'an unrequested 101',
    bytes: 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n',
  },
  {
    name: 'headers of its connection',
    bytes: head(`Keep-Alive: timeout=9\r\nConnection: A\r\nA: b\r\n${LENGTH}`, 'abc'),
  },
  { name: 'a header three times', bytes: head(`A: 1\r\na: 2\r\nA: 1\r\n${LENGTH}`, 'abc') },
  {
    name: 'gzip that is none',
    bytes: head(`Content-Encoding: gzip\r\n${LENGTH}`, 'abc'),
    differs: 'passed here',
  },
  { name: 'an unknown encoding', bytes: head(`Content-Encoding: x\r\n${LENGTH}`, 'abc') },
  {
    name: 'Upgrade in an ordinary answer',
    bytes: head(`Upgrade: h2c\r\nConnection: Upgrade\r\n${LENGTH}`, 'abc'),
  },
  { name: 'no HTTP', bytes: 'hello\r\n\r\n', closes: true },
  { name: 'HTTP/0.9', bytes: '<html>abc</html>', closes: true },
  { name: 'nothing', bytes: '', closes: true },
];
