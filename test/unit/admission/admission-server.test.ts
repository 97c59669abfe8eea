import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { AdmissionRequest } from '../../../src/admission/admission-review.decide.ts';
import { milliseconds, seconds } from '../../../src/lib/clock.ts';
import { MmsError } from '../../../src/lib/errors.ts';
import type { AdmissionHandler, AdmissionObservation } from '../../../src/admission/review-endpoint.ts';
import { MAX_BODY_BYTES, MAX_NESTING_DEPTH, REVIEW_BOUNDS } from '../../../src/admission/review-codec.ts';
import { answeredReview, call, reviewOf, sendBytes } from '../../support/admission-client.ts';
import { startLoopbackServer } from '../../support/admission-server.ts';

class LookupError extends MmsError {
  readonly code = 'LOOKUP_FAILED';
  readonly retryable: boolean;
  constructor(retryable: boolean) {
    super('the InferenceService cannot be looked up');
    this.retryable = retryable;
  }
}

const observed: AdmissionObservation[] = [];
const requests: AdmissionRequest[] = [];
let abortedHandlers = 0;

const handlers = new Map<string, AdmissionHandler>([
  [
    '/mutate',
    (request) => {
      requests.push(request);
      // Does what a real handler does with a user's object: copies all of it and reads it.
      const copy = structuredClone(request.object ?? {});
      const { metadata } = copy;
      const denied = typeof metadata === 'object' && metadata !== null && 'deny' in metadata;
      return Promise.resolve(
        denied
          ? { kind: 'denied', code: 403, reason: 'Forbidden', message: 'labelled deny' }
          : { kind: 'patched', patch: [{ op: 'add', path: '/metadata/labels/seen', value: request.uid }] },
      );
    },
  ],
  ['/retry', () => Promise.reject(new LookupError(true))],
  ['/give-up', () => Promise.reject(new LookupError(false))],
  [
    '/throws',
    () => {
      throw new TypeError('secret detail');
    },
  ],
  [
    '/hangs',
    (_request, signal) =>
      new Promise(() => {
        signal.addEventListener('abort', () => abortedHandlers++);
      }),
  ],
]);

let server: Awaited<ReturnType<typeof startLoopbackServer>>;

beforeAll(async () => {
  server = await startLoopbackServer({ handlers, observe: (each) => observed.push(each) });
});

afterAll(() => server.stop());

const deep = (levels: number): string => '['.repeat(levels) + ']'.repeat(levels);
const withObject = (json: string): string =>
  reviewOf('uid-1', null).replace('"object":null', `"object":${json}`);
const review = reviewOf('uid-1', { metadata: { name: 'pod' } });
const of = (change: object): string => JSON.stringify({ ...(JSON.parse(review) as object), ...change });

describe('a body that is not a supported AdmissionReview is rejected', () => {
  it.each([
    ['an empty body', '', {}, 400, ''],
    ['an empty body of another type', '', { 'content-type': 'text/plain' }, 400, ''],
    ['another content type', review, { 'content-type': 'text/plain' }, 415, ''],
    ['no content type', review, { 'content-type': '' }, 415, ''],
    ['protobuf', review, { 'content-type': 'application/vnd.kubernetes.protobuf' }, 415, ''],
    ['gzip', review, { 'content-encoding': 'gzip' }, 415, ''],
    ['text that is not JSON', 'hello', {}, 400, ''],
    ['a truncated review', review.slice(0, -9), {}, 400, ''],
    ['bytes that are not valid UTF-8', Buffer.from([0x22, 0xff, 0xfe, 0x22]), {}, 400, ''],
    ['null', 'null', {}, 400, ''],
    ['an array', `[${review}]`, {}, 400, ''],
    ['an empty object', '{}', {}, 400, ''],
    ['v1beta1', of({ apiVersion: 'admission.k8s.io/v1beta1' }), {}, 400, 'uid-1'],
    ['no apiVersion', of({ apiVersion: undefined }), {}, 400, 'uid-1'],
    ['an apiVersion that is an object', of({ apiVersion: {} }), {}, 400, 'uid-1'],
    ['another kind', of({ kind: 'ConversionReview' }), {}, 400, 'uid-1'],
    ['no request', of({ request: undefined }), {}, 400, ''],
    ['a request that is a string', of({ request: 'uid-1' }), {}, 400, ''],
    ['no uid', of({ request: { operation: 'CREATE' } }), {}, 400, ''],
    ['an empty uid', of({ request: { uid: '' } }), {}, 400, ''],
    ['a uid that is a number', of({ request: { uid: 7 } }), {}, 400, ''],
    ['a uid of 1 MB', of({ request: { uid: 'u'.repeat(1e6) } }), {}, 400, ''],
    ['a uid inherited from __proto__', '{"__proto__":{"request":{"uid":"uid-1"}}}', {}, 400, ''],
    ['only opening brackets', '['.repeat(1e6), {}, 413, ''],
    ['a million levels of nesting', deep(1e6), {}, 413, ''],
    ['a body one byte too long', review.padEnd(MAX_BODY_BYTES + 1), {}, 413, ''],
  ])('%s', async (_name, body, headers, status, uid) => {
    const answer = await call(server, { body, headers });
    const { allowed, status: reason, uid: echoed } = answeredReview(answer);
    expect({ status: answer.status, code: reason?.code, uid: echoed, allowed }).toEqual({
      status,
      code: status,
      uid,
      allowed: false,
    });
    expect(reason?.message).toMatch(/^the /);
    expect(reason?.message.length).toBeLessThan(300);
  });

  it('is counted as malformed', () => {
    expect(observed.at(-1)).toMatchObject({ path: '/mutate', outcome: 'malformed' });
  });
});

describe('a review whose object cannot be processed is denied with its uid', () => {
  it.each([
    [`${MAX_NESTING_DEPTH} levels below the object`, withObject(deep(MAX_NESTING_DEPTH))],
    ['50,000 levels', withObject(deep(50_000))],
    ['no operation', of({ request: { uid: 'uid-1', kind: {} } })],
    ['no kind', of({ request: { uid: 'uid-1', operation: 'CREATE' } })],
  ])('%s', async (_name, body) => {
    const answer = await call(server, { body });
    expect(answer.status).toBe(200);
    expect(answeredReview(answer)).toMatchObject({ uid: 'uid-1', allowed: false, status: { code: 400 } });
  });
});

describe('a review beyond the bounds is denied with its uid and a message that names the bound', () => {
  const many = (count: number, json: (index: number) => string): string =>
    Array.from({ length: count }, (_, index) => json(index)).join(',');
  const { values, names } = REVIEW_BOUNDS;
  it.each([
    ['empty objects', `{"spec":{"x":[${many(values, () => '{}')}]}}`, 'values'],
    ['empty objects without a list', `{"spec":{},${many(values, () => '{}')}}`, 'values'],
    ['empty lists', `{"spec":{"x":[${many(values, () => '[]')}]}}`, 'values'],
    ['numbers', `{"spec":{"x":[${many(values + 1, () => '1')}]}}`, 'values'],
    ['one name many times', `{"metadata":{${many(values + 1, () => '"a":1')}}}`, 'values'],
    ['environment variables', `{"spec":{"env":[${many(values / 2, () => '{"name":""}')}]}}`, 'values'],
    ['annotations', `{"annotations":{${many(names * 1.2, (at) => `"k${at}":""`)}}}`, 'names'],
    ['objects with one name each', `{"x":[${many(names * 1.2, (at) => `{"${at}":0}`)}]}`, 'names'],
    ['escaped names', `{"x":{${many(names * 1.2, (at) => `"\\u0041${at}":0`)}}}`, 'names'],
    ['names with quotes in them', `{"x":{${many(names * 1.2, (at) => `"\\"${at}":0`)}}}`, 'names'],
  ])('%s', async (_name, object, bound) => {
    const answer = await call(server, { body: withObject(object) });
    const { uid, allowed, status } = answeredReview(answer);
    expect({ http: answer.status, uid, allowed, code: status?.code, reason: status?.reason }).toEqual({
      ...{ http: 200, uid: 'uid-1', allowed: false, code: 413, reason: 'RequestEntityTooLarge' },
    });
    expect(status?.message).toContain(bound === 'values' ? `${values} values` : `${names} different`);
  });

  it.each([
    [
      'a pod with 5,000 variables and their managed fields',
      ((): string => {
        const env = Array.from({ length: 5000 }, (_, at) => ({ name: `VARIABLE_${at}`, value: 'v' }));
        const fields = Object.fromEntries(
          env.map(({ name }) => [`k:{"name":"${name}"}`, { '.': {}, 'f:name': {}, 'f:value': {} }]),
        );
        const managedFields = [{ manager: 'kubectl', fieldsV1: { 'f:spec': { 'f:env': fields } } }];
        return JSON.stringify({ metadata: { managedFields }, spec: { containers: [{ env }] } });
      })(),
    ],
    ['commas, colons and brackets inside a string', JSON.stringify({ x: '{},[]:"\\'.repeat(20_000) })],
  ])('does not deny %s', async (_name, object) => {
    expect(answeredReview(await call(server, { body: withObject(object) })).allowed).toBe(true);
  });
});

describe('a review is decided, whatever else it contains', () => {
  it.each([
    ['a pod', review],
    ['a charset', review],
    ['a body of exactly the maximum length', review.padEnd(MAX_BODY_BYTES)],
    ['nesting within the limit', withObject(deep(MAX_NESTING_DEPTH - 2))],
    ['brackets inside a string', withObject(JSON.stringify({ text: `\\"${'['.repeat(5000)}` }))],
    ['__proto__ as a key', withObject('{"__proto__":{"polluted":true},"metadata":{"__proto__":{"deny":1}}}')],
    [
      'constructor as a key',
      withObject('{"constructor":{"prototype":{"polluted":true}},"metadata":{"labels":{"constructor":"x"}}}'),
    ],
    [
      '__proto__ next to the request',
      review.replace('{', '{"__proto__":{"apiVersion":"v0","request":null},'),
    ],
    ['unknown fields', of({ somethingNew: { a: 1 } })],
    ['Chinese characters and an emoji', withObject('{"metadata":{"annotations":{"标题":"\u{1F600}"}}}')],
  ])('%s', async (_name, body) => {
    const answer = await call(server, {
      body,
      headers: { 'content-type': 'application/json; charset=utf-8' },
    });
    expect(answer.status).toBe(200);
    const { patch, ...rest } = answeredReview(answer);
    expect(rest).toEqual({ uid: 'uid-1', allowed: true, patchType: 'JSONPatch' });
    expect(JSON.parse(Buffer.from(patch ?? '', 'base64').toString())).toEqual([
      { op: 'add', path: '/metadata/labels/seen', value: 'uid-1' },
    ]);
    expect(({} as Record<string, unknown>).polluted).toBeUndefined();
  });

  it('keeps a __proto__ key of the object as a plain key', async () => {
    await call(server, { body: withObject('{"__proto__":{"polluted":true}}') });
    const object = requests.at(-1)?.object;
    expect(Object.keys(object ?? {})).toEqual(['__proto__']);
    expect(Object.getPrototypeOf(object)).toBe(Object.prototype);
  });
});

describe('a handler that fails gets a response with the uid', () => {
  it.each([
    [
      '/retry',
      { code: 503, reason: 'ServiceUnavailable', details: { retryAfterSeconds: 1 } },
      'cannot be looked up',
    ],
    ['/give-up', { code: 500, reason: 'InternalError' }, 'cannot be looked up'],
    ['/throws', { code: 500, reason: 'InternalError' }, 'log of the manager'],
    [
      '/hangs',
      { code: 504, reason: 'Timeout', details: { retryAfterSeconds: 1 } },
      'no decision within 90 ms',
    ],
  ])('%s', async (path, expected, words) => {
    const answer = await call(server, { body: review, path: `${path}?timeout=100ms` });
    expect(answer.status).toBe(200);
    const { uid, allowed, status } = answeredReview(answer);
    expect({ uid, allowed }).toEqual({ uid: 'uid-1', allowed: false });
    expect({ ...status, message: undefined }).toEqual({ ...expected, message: undefined });
    expect(status?.message).toContain(words);
    expect(status?.message).not.toContain('secret detail');
  });

  it('aborts the handler when its deadline passes', () => {
    expect(abortedHandlers).toBe(1);
  });
});

describe('a request that is not a webhook call', () => {
  it.each([
    ['GET', '/mutate', 405],
    ['PUT', '/mutate', 405],
    ['HEAD', '/mutate', 405],
    ['POST', '/', 404],
    ['POST', '/mutate-pods/../..', 404],
    ['POST', '/%E0%A4%A', 404],
    ['POST', '//', 404],
  ])('answers %s %s with %i', async (method, path, status) => {
    const { status: got, headers } = await call(server, {
      method,
      path,
      ...(method !== 'GET' && method !== 'HEAD' && { body: review }),
    });
    expect(got).toBe(status);
    expect(headers.allow).toBe(status === 405 ? 'POST' : undefined);
    expect(headers['x-powered-by']).toBeUndefined();
  });
});

describe('malicious or broken clients', () => {
  const head = (length: string): string =>
    `POST /mutate HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n${length}\r\n\r\n`;
  const megabyte = Buffer.alloc(1 << 20, 0x20);
  const chunk = Buffer.concat([Buffer.from('100000\r\n'), megabyte, Buffer.from('\r\n')]);

  it('answers an endless body with 413 and closes the connection', async () => {
    const { received, sentBytes } = await sendBytes(server, head('Transfer-Encoding: chunked'), () => chunk);
    expect(received).toMatch(/^HTTP\/1.1 413 /);
    expect(received).toContain('Connection: close');
    expect(sentBytes).toBeGreaterThan(MAX_BODY_BYTES);
  });

  it('rejects a Content-Length over the limit before it reads the body', async () => {
    const { received } = await sendBytes(server, head('Content-Length: 99999999999'), () => undefined);
    expect(received).toMatch(/^HTTP\/1.1 413 /);
  });

  it('closes the connection of an endless body to an unknown path', async () => {
    const lost = head('Transfer-Encoding: chunked').replace('/mutate', '/nowhere');
    expect((await sendBytes(server, lost, () => chunk)).received).toMatch(/^HTTP\/1.1 404 /);
  });

  it('times out an incomplete body without delaying other requests', async () => {
    // Uses its own server: on a busy machine a valid body may take more than this second.
    const impatient = await startLoopbackServer({ handlers, requestTimeout: seconds(1) });
    try {
      const slow = sendBytes(impatient, head('Content-Length: 500'), (count) =>
        count === 0 ? Buffer.from('{') : undefined,
      );
      const answer = await call(impatient, { body: review });
      expect(answeredReview(answer).allowed).toBe(true);
      expect((await slow).received).toMatch(/^HTTP\/1.1 408 /);
    } finally {
      await impatient.stop();
    }
  });

  it('keeps serving after plain HTTP and invalid bytes', async () => {
    const { received } = await sendBytes(server, 'GARBAGE\r\n\r\n', () => undefined);
    expect(received).toMatch(/^HTTP\/1.1 400 /);
    await expect(fetch(`http://127.0.0.1:${server.port}/mutate`)).rejects.toThrow();
    expect((await call(server, { body: review })).status).toBe(200);
  });

  it('answers 200 concurrent calls, each with its own uid', async () => {
    const uids = Array.from({ length: 200 }, (_, index) => `uid-${index}`);
    const answers = await Promise.all(uids.map((uid) => call(server, { body: reviewOf(uid, {}) })));
    expect(answers.map((answer) => answeredReview(answer).uid)).toEqual(uids);
  });
});

describe('metrics', () => {
  it('record the path, outcome and duration of every call', async () => {
    const before = observed.length;
    await call(server, { body: review });
    expect(observed.slice(before)).toEqual([
      { path: '/mutate', outcome: 'patched', duration: expect.any(Number) as unknown },
    ]);
    expect(observed.at(-1)?.duration).toBeGreaterThanOrEqual(milliseconds(0));
  });
});
