import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Resolve } from '../../../../src/agent/sources/guarded-connect.ts';
import type { SourceSettings } from '../../../../src/agent/sources/settings.ts';
import { startFaultServer, trickle } from '../../../support/fault-server.ts';
import type { FaultServer, Handler } from '../../../support/fault-server.ts';
import { pullOnce, texts } from '../../../support/pulling.ts';
import type { PullOptions, Pulled } from '../../../support/pulling.ts';

let server: FaultServer;
beforeAll(async () => {
  server = await startFaultServer();
});
afterAll(() => server.stop());

/** For sources that do not respond. Other sources may be slow on a busy machine. */
const impatient: Partial<SourceSettings> = { noProgressTimeoutMs: 300, connectTimeoutMs: 500 };

function pull(handler: Handler, options: PullOptions = {}): Promise<Pulled> {
  return pullOnce(server.serve('model.bin', handler), options);
}

const status =
  (code: number, headers: Record<string, string> = {}): Handler =>
  (_, response) =>
    void response.writeHead(code, headers).end('secret-detail');

const cutShort: Handler = (_, response) => {
  response.writeHead(200, { 'content-length': 100 });
  response.write('x'.repeat(50));
  setTimeout(() => response.destroy(), 20);
};

const redirectTo =
  (location: string): Handler =>
  (_, response) =>
    void response.writeHead(302, { location }).end();

type Fault = [what: string, handler: Handler, reason: string, retry: 'soon' | 'rarely'];

describe('a faulty source', () => {
  it.each<Fault>([
    ['500', status(500), 'SourceUnavailable', 'soon'],
    ['503', status(503), 'SourceUnavailable', 'soon'],
    ['408', status(408), 'SourceUnavailable', 'soon'],
    ['429', status(429), 'TooManyRequests', 'soon'],
    ['404', status(404), 'NotFound', 'rarely'],
    ['410', status(410), 'NotFound', 'rarely'],
    ['401', status(401), 'AccessDenied', 'rarely'],
    ['403', status(403), 'AccessDenied', 'rarely'],
    ['400', status(400), 'RequestRefused', 'rarely'],
    ['304', status(304), 'RequestRefused', 'rarely'],
    ['does not respond', () => undefined, 'SourceTimeout', 'soon'],
    [
      'stops during the body',
      (_, response) => void response.writeHead(200).write('some'),
      'SourceTimeout',
      'soon',
    ],
    ['closes the connection at once', (_, response) => void response.destroy(), 'SourceUnavailable', 'soon'],
    [
      'switches to another protocol',
      ({ socket }) =>
        void socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n'),
      'SourceUnavailable',
      'soon',
    ],
    ['a truncated body', cutShort, 'SourceUnavailable', 'soon'],
    [
      'a redirect loop',
      (request, response) => redirectTo(request.url ?? '')(request, response),
      'BadRedirect',
      'rarely',
    ],
    ['a redirect to a file', redirectTo('file:///etc/passwd'), 'BadRedirect', 'rarely'],
    ['a redirect to an invalid URL', redirectTo('http://['), 'BadRedirect', 'rarely'],
    [
      'a redirect to the metadata service',
      redirectTo('http://169.254.169.254/latest'),
      'DestinationRefused',
      'rarely',
    ],
    [
      'the same with an IPv4-mapped address',
      redirectTo('http://[::ffff:a9fe:a9fe]/latest'),
      'DestinationRefused',
      'rarely',
    ],
    ['the same with a number', redirectTo('http://2852039166/latest'), 'DestinationRefused', 'rarely'],
    [
      'a login page instead of a model',
      (_, response) =>
        void response
          .writeHead(200, { 'content-type': 'text/html; charset=utf-8' })
          .end('\n<!DOCTYPE html><p>secret-detail'),
      'RequestRefused',
      'rarely',
    ],
    [
      'a Git LFS pointer instead of a model',
      (_, response) =>
        void response
          .writeHead(200, { 'content-type': 'text/plain', 'content-length': 65 })
          .end('version https://git-lfs.github.com/spec/v1\noid sha256:secret-detail'),
      'RequestRefused',
      'rarely',
    ],
    ['300 without Location', status(300), 'RequestRefused', 'rarely'],
    ['302 without Location', status(302), 'RequestRefused', 'rarely'],
    ['an unrequested encoding', status(200, { 'content-encoding': 'br' }), 'RequestRefused', 'rarely'],
    ['202: not ready', status(202), 'SourceUnavailable', 'soon'],
    ['203', status(203), 'RequestRefused', 'rarely'],
    ['204', (_, response) => void response.writeHead(204).end(), 'RequestRefused', 'rarely'],
    ['206 without a range', status(206), 'RequestRefused', 'rarely'],
    [
      'a wrong Content-MD5',
      status(200, { 'content-md5': 'AAAAAAAAAAAAAAAAAAAAAA==' }),
      'ChecksumMismatch',
      'soon',
    ],
  ])('%s', async (_, handler, reason, retry) => {
    const settings = reason === 'SourceTimeout' ? impatient : {};
    const { result, files, outside } = await pull(handler, { settings });
    expect(result).toMatchObject({ kind: 'failed', reason, retry });
    expect([...files.keys(), ...outside]).toEqual([]);
    expect(JSON.stringify(result)).not.toContain('secret-detail');
  });

  it('is retried after the time that it sends', async () => {
    const { result } = await pull(status(429, { 'retry-after': '7' }));
    expect(result).toMatchObject({ reason: 'TooManyRequests', retry: 'soon', retryAfterMs: 7000 });
  });

  it('that sends a byte at a time fails when it is too slow for too long', async () => {
    const settings = { noProgressTimeoutMs: 5_000, slowWindowMs: 300, minimumBytesPerSecond: 1000 };
    const { result, outside } = await pull(trickle(20), { settings });
    expect(result).toMatchObject({ kind: 'failed', reason: 'SourceTooSlow', retry: 'soon' });
    expect(outside).toEqual([]);
  });

  it('may send its first byte after the window of the minimum rate', async () => {
    const settings = { noProgressTimeoutMs: 10_000, slowWindowMs: 50, minimumBytesPerSecond: 1 };
    const late: Handler = (_, response) => {
      response.writeHead(200, { 'content-length': 2 }).flushHeaders();
      setTimeout(() => response.end('ok'), 300);
    };
    expect(texts(await pull(late, { settings }))).toEqual({ 'model.bin': 'ok' });
  });

  it('that sends more bytes than announced: HTTP ends the file at the announced length', async () => {
    expect(texts(await pullOnce(rawAnswer))).toEqual({ 'model.bin': 'abc' });
  });

  it('with no server on its port', async () => {
    const { result } = await pullOnce('http://127.0.0.1:1/model.bin');
    expect(result).toMatchObject({ kind: 'failed', reason: 'SourceUnavailable', retry: 'soon' });
  });

  it('is aborted when the model is no longer wanted', async () => {
    const abort = new AbortController();
    const url = server.serve('model.bin', (_, response) => {
      response.write('some');
      setTimeout(() => abort.abort(), 50);
    });
    const { result, outside } = await pullOnce(url, { signal: abort.signal });
    expect(result).toMatchObject({ kind: 'failed', reason: 'Aborted', retry: 'soon' });
    expect(outside).toEqual([]);
  });
});

let rawAnswer = '';
beforeAll(async () => {
  const { createServer } = await import('node:net');
  const raw = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.once('data', () => socket.end('HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nabcdefgh'));
  }).listen(0, '127.0.0.1');
  await once(raw, 'listening');
  raw.unref();
  const address = raw.address();
  rawAnswer = typeof address === 'object' ? `http://127.0.0.1:${address?.port ?? 0}/model.bin` : '';
});

describe('names that resolve to the metadata service are rejected', () => {
  const resolveTo =
    (...addresses: string[]): Resolve =>
    (_, done) =>
      done(
        null,
        addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 })),
      );

  it.each([
    ['the only address', resolveTo('169.254.169.254')],
    ['one of several addresses', resolveTo('127.0.0.1', '169.254.169.254')],
    ['an IPv6 address', resolveTo('fd00:ec2::254')],
    ['an IPv4-mapped address', resolveTo('::ffff:169.254.169.254')],
  ])('%s', async (_, resolve) => {
    const { result } = await pullOnce('http://models.example/model.bin', { resolve });
    expect(result).toMatchObject({ kind: 'failed', reason: 'DestinationRefused', retry: 'rarely' });
  });

  it('a changing answer: connects to the address that was checked', async () => {
    const { port } = new URL(server.url);
    const path = new URL(server.body('model.bin', 'ok')).pathname;
    let asked = 0;
    const resolve: Resolve = (hostname, done) => {
      asked += 1;
      resolveTo(asked === 1 ? '127.0.0.1' : '169.254.169.254')(hostname, done);
    };
    expect(texts(await pullOnce(`http://rebind.example:${port}${path}`, { resolve }))).toEqual({
      'model.bin': 'ok',
    });
    expect(asked).toBe(1);
  });

  it('a redirect to such a name', async () => {
    const { port } = new URL(server.url);
    const target = server.serve('model.bin', redirectTo('http://inner.example/model.bin'));
    const resolve: Resolve = (hostname, done) =>
      resolveTo(hostname === 'inner.example' ? '169.254.169.254' : '127.0.0.1')(hostname, done);
    const url = `http://outer.example:${port}${new URL(target).pathname}`;
    expect((await pullOnce(url, { resolve })).result).toMatchObject({ reason: 'DestinationRefused' });
  });

  it('a name that this machine cannot resolve is retried soon', async () => {
    expect((await pullOnce('http://no-such-host.invalid/m')).result).toMatchObject({
      reason: 'SourceUnavailable',
      retry: 'soon',
    });
  });

  it('a name that does not exist is retried soon', async () => {
    const resolve: Resolve = (_, done) =>
      done(Object.assign(new Error('no such name'), { code: 'ENOTFOUND' }), []);
    expect((await pullOnce('http://gone.example/m', { resolve })).result).toMatchObject({
      reason: 'SourceUnavailable',
      retry: 'soon',
    });
  });

  it('an address that the operator denies', async () => {
    const settings = { deniedNetworks: ['127.0.0.0/8'] };
    const { result } = await pullOnce(server.body('model.bin', 'ok'), { settings });
    expect(result).toMatchObject({
      reason: 'DestinationRefused',
      message: expect.stringContaining('configuration'),
    });
  });
});
