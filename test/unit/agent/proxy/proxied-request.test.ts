import { describe, expect, it } from '@jest/globals';
import { forwardedValue } from '../../../../src/agent/proxy/forwarded-header.decide.ts';
import { passedAnswer } from '../../../../src/agent/proxy/proxied-answer.decide.ts';
import type { RequestHead } from '../../../../src/agent/proxy/proxied-request.decide.ts';
import { MAX_HEADERS, passedRequest } from '../../../../src/agent/proxy/proxied-request.decide.ts';
import type { FailedAttempt } from '../../../../src/agent/proxy/request-retry.decide.ts';
import { mayBeSentAgain } from '../../../../src/agent/proxy/request-retry.decide.ts';
import { originTarget } from '../../../../src/agent/proxy/request-target.decide.ts';

describe('originTarget', () => {
  it.each([
    ['/a/b?c', { target: '/a/b?c' }],
    ['//a', { target: '//a' }],
    ['/a%2Fb', { target: '/a%2Fb' }],
    ["/a;b,c!d$e&f'g(h)i*j+k=l:m@n~o[p]", { target: "/a;b,c!d$e&f'g(h)i*j+k=l:m@n~o[p]" }],
    ['/a"b|c', { target: '/a%22b%7Cc' }],
    ['/a"b?c"d', { target: '/a%22b?c"d' }],
    ['/a#b', { target: '/a%23b' }],
    ['http://h/a?b', { target: '/a?b', host: 'h' }],
    ['http://h:80', { target: '/', host: 'h:80' }],
    ['http://h?b', { target: '/?b', host: 'h' }],
    ['https://u:p@h/a', { target: '/a', host: 'h' }],
    ['http://[::1]:80/a', { target: '/a', host: '[::1]:80' }],
    ['http:///a', { target: '/a' }],
    ...[
      '',
      'a',
      '*',
      '/a%zz',
      '/a%',
      'http://h:x/',
      'http://a b/',
      'http://a/%zz',
      'mailto:a',
      'http:/a',
    ].map((target): [string, undefined] => [target, undefined]),
  ])('%s', (target, expected) => {
    expect(originTarget(target)).toEqual(expected);
  });
});

describe('passedRequest', () => {
  const judge = (headers: string[], other: Partial<RequestHead> = {}) =>
    passedRequest(
      { ...{ method: 'POST', target: '/x', versionMajor: 1, versionMinor: 1, headers }, ...other },
      ...(['1.1.1.1', '127.0.0.1:8080', false] as const),
    );

  it.each([
    ['two hosts', 400, ['Host', 'a', 'host', 'a'], {}],
    ['no host', 400, [], {}],
    ['an invalid host', 400, ['Host', 'a b'], {}],
    ['two lengths', 400, ['Host', 'a', 'Content-Length', '3', 'Content-Length', '3'], {}],
    ['a length of 10^18', 400, ['Host', 'a', 'Content-Length', '1000000000000000000'], {}],
    ['length and chunks', 400, ['Host', 'a', 'Content-Length', '3', 'Transfer-Encoding', 'chunked'], {}],
    ['chunks in HTTP/1.0', 400, ['Host', 'a', 'Transfer-Encoding', 'chunked'], { versionMinor: 0 }],
    ['an invalid target', 400, ['Host', 'a'], { target: 'x' }],
    ...['Content-Length', 'A, transfer-encoding', 'trailer,A'].map(
      (names): [string, number, string[], Partial<RequestHead>] => [
        `a trailer announced as ${names}`,
        400,
        ['Host', 'a', 'Transfer-Encoding', 'chunked', 'Trailer', names],
        {},
      ],
    ),
    ['another transfer coding', 501, ['Host', 'a', 'Transfer-Encoding', 'gzip, chunked'], {}],
    [
      'two transfer codings',
      501,
      ['Host', 'a', 'Transfer-Encoding', 'gzip', 'Transfer-Encoding', 'chunked'],
      {},
    ],
    ['another version', 505, ['Host', 'a'], { versionMajor: 2 }],
    ['too many headers', 431, Array.from({ length: 2 * MAX_HEADERS + 2 }, () => 'a'), {}],
  ])('rejects %s with %d', (_, status, headers, other) => {
    expect(judge(headers, other)).toMatchObject({ status, reason: expect.any(String) });
  });

  it('uses the host of an absolute target, and that of the component if there is none', () => {
    expect(judge(['Host', 'a'], { target: 'http://b/c', method: 'GET' })).toMatchObject({
      target: '/c',
      headers: ['Host', 'b', 'X-Forwarded-For', '1.1.1.1', 'Connection', 'keep-alive'],
    });
    expect(judge(['Host', ''], { method: 'GET' })).toMatchObject({
      headers: ['Host', '127.0.0.1:8080', 'X-Forwarded-For', '1.1.1.1', 'Connection', 'keep-alive'],
    });
  });

  it.each([
    ['that are all empty', ['Forwarded', '', 'A', 'b', 'forwarded', ''], ['A', 'b', 'Forwarded', 'host=m']],
    ['whose first is empty', ['Forwarded', '', 'Forwarded', 'for=c'], ['Forwarded', 'host=m']],
    [
      'whose first is not empty',
      ['Forwarded', 'for=c', 'Forwarded', ''],
      ['Forwarded', 'for=c', 'Forwarded', ''],
    ],
  ])('adds Forwarded for X-Forwarded-Host to Forwarded headers %s', (_, sent, passed) => {
    const { headers } = judge(['Host', 'a', ...sent, 'X-Forwarded-Host', 'm'], { method: 'GET' }) as {
      headers: string[];
    };
    const ofInterest = new Set(['a', 'forwarded']);
    const pairs = headers.flatMap((name, at) => (at % 2 === 0 ? [[name, headers[at + 1]!] as const] : []));
    expect(pairs.filter(([name]) => ofInterest.has(name.toLowerCase())).flat()).toEqual(passed);
  });

  it('appends the client to X-Forwarded-For, in one header', () => {
    const headers = [
      'Host',
      'a',
      'X-Forwarded-For',
      '2.2.2.2',
      'X-Forwarded-For',
      '::3',
      'Content-Length',
      '0',
    ];
    const { headers: passed } = judge(headers) as { headers: string[] };
    expect(passed.slice(4)).toEqual([
      ...['Forwarded', 'for=2.2.2.2', 'X-Forwarded-For', '2.2.2.2, ::3, 1.1.1.1'],
      ...['Connection', 'keep-alive'],
    ]);
  });
});

describe('forwardedValue', () => {
  it.each([
    ['1.1.1.1', '', '', 'for=1.1.1.1'],
    ['1.1.1.1, ::1', 'https', 'h', 'for=1.1.1.1;host=h;proto=https, for="[::1]"'],
    ['', 'https', '', 'proto=https'],
    ['a,', '', '', 'for=a'],
    ['', '', '', undefined],
  ])('%j %j %j', (nodes, proto, host, expected) => {
    expect(forwardedValue({ for: nodes, proto, host })).toBe(expected);
  });
});

describe('passedAnswer', () => {
  it('prefers chunked encoding to a length, and removes the length', () => {
    const headers = ['Content-Length', '3', 'Transfer-Encoding', 'Chunked', 'A', 'b'];
    expect(passedAnswer({ status: 200, versionMinor: 1, headers }, true)).toEqual(['A', 'b']);
  });

  it.each([
    [1, ['Transfer-Encoding', 'gzip, chunked']],
    [1, ['Transfer-Encoding', 'chunked', 'Transfer-Encoding', 'chunked']],
    [1, ['Transfer-Encoding', 'identity']],
    [0, ['Transfer-Encoding', 'chunked']],
  ])('rejects an ambiguous response: HTTP/1.%d %j', (versionMinor, headers) => {
    expect(passedAnswer({ status: 200, versionMinor, headers }, true)).toBeUndefined();
  });
});

describe('passedAnswer of 204', () => {
  it('removes the length, because a client may wait for the body', () => {
    const headers = ['Content-Length', '3', 'A', 'b'];
    expect(passedAnswer({ status: 204, versionMinor: 1, headers }, true)).toEqual(['A', 'b']);
    expect(passedAnswer({ status: 304, versionMinor: 1, headers }, true)).toEqual(headers);
  });
});

describe('mayBeSentAgain', () => {
  const POST: FailedAttempt = {
    ...{ method: 'POST', hasIdempotencyKey: false, isReused: true },
    ...{ sent: 'whole', end: 'other' },
  };

  it.each<[string, Partial<FailedAttempt>, boolean]>([
    ['POST that may have been read', {}, false],
    ['POST on a closed connection', { end: 'closed-before' }, true],
    ['POST that the kernel rejected', { end: 'refused' }, true],
    ['POST whose first part may have been read', { sent: 'kept', end: 'closed-before' }, false],
    ['POST that was not sent', { sent: 'nothing' }, true],
    ['POST that was sent in part', { sent: 'part', end: 'closed-before' }, false],
    ['POST with an Idempotency-Key', { hasIdempotencyKey: true }, true],
    [
      'POST with an Idempotency-Key whose first part is lost',
      { hasIdempotencyKey: true, sent: 'part' },
      false,
    ],
    ['GET', { method: 'GET' }, true],
    ['GET on a new connection', { method: 'GET', isReused: false }, false],
    ['PUT', { method: 'PUT' }, false],
    ['DELETE', { method: 'DELETE' }, false],
  ])('%s', (_, attempt, expected) => {
    expect(mayBeSentAgain({ ...POST, ...attempt })).toBe(expected);
  });
});
