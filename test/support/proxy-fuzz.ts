import fc from 'fast-check';

/** Bytes for the proxy, one character for each byte: nearly valid requests with random changes. */
export function oddRequests(): fc.Arbitrary<string> {
  return fc
    .tuple(fc.array(oddRequest(), { minLength: 1, maxLength: 3 }), fc.array(change(), { maxLength: 3 }))
    .map(([requests, changes]) => changes.reduce((text, apply) => apply(text), requests.join('')));
}

/** One request that the proxy may parse itself, with a byte or two changed. */
export function nearlyOrdinaryRequests(): fc.Arbitrary<string> {
  const name = fc.constantFrom(
    'A',
    'a_b',
    'Via',
    'User-Agent',
    'Connection',
    'Keep-Alive',
    'Content-Length',
    'TE',
  );
  const value = fc.oneof(
    fc.constantFrom('b', '', 'keep-alive', 'close', ' 3', '3 ', '\tx\t'),
    fc.array(byte(), { maxLength: 3 }).map((bytes) => bytes.join('')),
  );
  const header = fc
    .tuple(name, fc.constantFrom(': ', ':', ':\t'), value)
    .map((parts) => `${parts.join('')}\r\n`);
  return fc
    .record({
      method: fc.constantFrom('GET', 'POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS'),
      target: fc.array(byte(), { maxLength: 2 }).map((bytes) => `/v2/models${bytes.join('')}`),
      headers: fc.array(header, { maxLength: 3 }),
      framing: fc.constantFrom('', '', 'Content-Length: 3\r\n', 'Transfer-Encoding: chunked\r\n'),
      body: fc.constantFrom('', 'abc', 'ab', 'abcd', '3\r\nabc\r\n0\r\n\r\n'),
      changes: fc.array(change(), { maxLength: 2 }),
    })
    .map(({ method, target, headers, framing, body, changes }) =>
      changes.reduce(
        (text, apply) => apply(text),
        `${method} ${target} HTTP/1.1\r\nHost: h\r\n${headers.join('')}${framing}\r\n${body}`,
      ),
    );
}

const byte = () => fc.integer({ min: 0, max: 255 }).map((code) => String.fromCharCode(code));
const usually = <T>(value: T, ...others: readonly T[]) =>
  fc.oneof(
    { weight: 6, arbitrary: fc.constant(value) },
    { weight: 4, arbitrary: fc.constantFrom(value, ...others) },
  );

function oddRequest(): fc.Arbitrary<string> {
  return fc
    .record({
      method: usually(
        'GET',
        'POST',
        'PUT',
        'HEAD',
        'DELETE',
        'OPTIONS',
        'PATCH',
        'TRACE',
        'get',
        'FOO',
        'CONNECT',
        '',
      ),
      target: oddTarget(),
      version: usually('HTTP/1.1', 'HTTP/1.0', 'HTTP/1.2', 'HTTP/2.0', 'http/1.1', 'HTTP/1.1 '),
      host: usually(
        'Host: h\r\n',
        'Host: h:80\r\n',
        'Host:\r\n',
        '',
        'Host: h\r\nHost: h\r\n',
        'Host: a b\r\n',
        'host:h\r\n',
      ),
      headers: fc.array(oddHeader(), { maxLength: 4 }),
      framing: oddFraming(),
      blank: usually(' ', '  ', '\t'),
      end: usually('\r\n', '\n', '\r', '\r\n\r\n'),
    })
    .map(
      ({ method, target, version, host, headers, framing, blank, end }) =>
        `${method}${blank}${target} ${version}\r\n${host}${headers.join('')}${framing.header}${end}${framing.body}`,
    );
}

function oddTarget(): fc.Arbitrary<string> {
  const piece = fc.constantFrom(
    ...[
      'a',
      'v2',
      'models',
      '/',
      '//',
      '..',
      '.',
      '%2F',
      '%2f',
      '%41',
      '%zz',
      '%',
      '%00',
      '%C3%A9',
      '?',
      '#',
      '&',
      '=',
      ';',
    ],
    ...[
      '"',
      '<',
      '>',
      '|',
      '{',
      '}',
      '^',
      '`',
      '\\',
      '[',
      ']',
      '!',
      "'",
      '(',
      ')',
      '*',
      '+',
      ',',
      ':',
      '@',
      '$',
      '~',
      '-',
      '_',
    ],
  );
  const pieces = (maxLength: number) => fc.array(piece, { maxLength }).map((parts) => parts.join(''));
  const start = usually(
    '/',
    'http://a.b/',
    'http://a.b:81',
    'https://u:p@a.b',
    'http://',
    'http://[::1]/',
    '*',
    '',
    'x:',
    'http://a%41/',
  );
  return fc.tuple(start, pieces(6)).map(([before, rest]) => before + rest);
}

function oddHeader(): fc.Arbitrary<string> {
  const name = fc.constantFrom(
    ...[
      'A',
      'a',
      'X-Forwarded-For',
      'X-Forwarded-Proto',
      'X-Forwarded-Host',
      'Forwarded',
      'Connection',
      'TE',
      'Trailer',
    ],
    ...[
      'Keep-Alive',
      'Proxy-Connection',
      'Cookie',
      'User-Agent',
      'Idempotency-Key',
      'Via',
      'a_b',
      'A b',
      ' A',
      'A\0',
      '',
    ],
  );
  const value = fc.oneof(
    fc.constantFrom(
      'b',
      '',
      'close',
      'keep-alive',
      'A, Host',
      'Content-Length',
      'trailers',
      'gzip',
      '1.2.3.4',
      '::1, 2.2.2.2',
      'https',
    ),
    fc.array(byte(), { maxLength: 4 }).map((bytes) => bytes.join('')),
  );
  return fc
    .tuple(name, usually(': ', ':', ' :', ':\t'), value, usually('\r\n', '\n', '\r\n ', '\r'))
    .map((parts) => parts.join(''));
}

interface Framing {
  readonly header: string;
  readonly body: string;
}

function oddFraming(): fc.Arbitrary<Framing> {
  const chunks = '3\r\nabc\r\n0\r\n\r\n';
  const length = fc
    .constantFrom(
      '3',
      '0',
      '003',
      '+3',
      '-1',
      '3, 3',
      '0x3',
      '',
      '3\r\nContent-Length: 3',
      '3\r\nContent-Length: 4',
      '99999999999999999999',
    )
    .map((value): Framing => ({ header: `Content-Length: ${value}\r\n`, body: 'abc' }));
  const coding = fc
    .tuple(
      usually(
        'chunked',
        'Chunked',
        'gzip, chunked',
        'gzip',
        'identity',
        'chunked, chunked',
        ' chunked',
        '\u000bchunked',
        'x',
      ),
      usually('', 'Content-Length: 3\r\n', 'Transfer-Encoding: chunked\r\n', 'Content-Length: 13\r\n'),
      usually(
        chunks,
        '3;a=b\r\nabc\r\n0\r\n\r\n',
        '3\r\nabc\r\n0\r\nX: y\r\n\r\n',
        '3\nabc\n0\n\n',
        '0\r\n\r\n',
        '3 \r\nabc\r\n0\r\n\r\n',
        '-3\r\nabc\r\n0\r\n\r\n',
        '3\r\nabcd\r\n0\r\n\r\n',
      ),
    )
    .map(([value, other, body]): Framing => ({ header: `Transfer-Encoding: ${value}\r\n${other}`, body }));
  return fc.oneof(fc.constant({ header: '', body: '' }), length, coding);
}

/** Inserts, removes or replaces a byte. */
export function change(): fc.Arbitrary<(text: string) => string> {
  return fc
    .tuple(
      fc.double({ min: 0, max: 1, noNaN: true }),
      fc.constantFrom('in', 'out', 'other'),
      fc.oneof(fc.constantFrom('\r', '\n', ' ', ':', '\t', ','), byte()),
    )
    .map(([place, kind, put]) => (text) => {
      const at = Math.floor(place * text.length);
      const after = kind === 'in' ? at : at + 1;
      return text.slice(0, at) + (kind === 'out' ? '' : put) + text.slice(after);
    });
}
