import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { startFaultServer } from '../../../support/fault-server.ts';
import type { FaultServer, Handler } from '../../../support/fault-server.ts';
import { pullOnce, texts } from '../../../support/pulling.ts';

let server: FaultServer;
let other: FaultServer;
beforeAll(async () => {
  [server, other] = await Promise.all([startFaultServer(), startFaultServer()]);
});
afterAll(() => Promise.all([server.stop(), other.stop()]));

let seen: string[] = [];
beforeEach(() => {
  seen = [];
});

/** Records the relevant headers and responds with a file. */
const noting: Handler = ({ headers }, response) => {
  seen.push(`${headers.authorization ?? '-'} ${String(headers['x-team'] ?? '-')}`);
  response.end('ok');
};

function headersFor(url: string, headers: unknown): Record<string, string> {
  return {
    [`${new URL(url).host}-headers`]: typeof headers === 'string' ? headers : JSON.stringify(headers),
  };
}

describe('headers that the operator sets for a host', () => {
  const headers = { Authorization: 'Bearer token-of-the-host', 'X-Team': 'a' };

  it('are sent to that host', async () => {
    const url = server.serve('model.bin', noting);
    await pullOnce(url, { env: headersFor(url, headers) });
    expect(seen).toEqual(['Bearer token-of-the-host a']);
  });

  it('are also found by the host name without a port, as KServe writes it', async () => {
    await pullOnce(server.serve('model.bin', noting), {
      env: { '127.0.0.1-headers': JSON.stringify(headers) },
    });
    expect(seen).toEqual(['Bearer token-of-the-host a']);
  });

  it('are sent to no other host, also after a redirect', async () => {
    const target = other.serve('model.bin', noting);
    const url = server.serve(
      'model.bin',
      (_, response) => void response.writeHead(307, { location: target }).end(),
    );
    const { result } = await pullOnce(url, { env: headersFor(url, headers) });
    expect(result).toMatchObject({ kind: 'pulled' });
    expect(seen).toEqual(['- -']);
  });

  it.each([['not JSON'], ['[]'], ['{"a":1}'], ['{"a b":"c"}'], ['{"a":"b\\nc"}']])(
    '%s is rejected with the name of the variable',
    async (value) => {
      const url = server.serve('model.bin', noting);
      const { result } = await pullOnce(url, { env: headersFor(url, value) });
      expect(result).toMatchObject({
        reason: 'SourceConfiguration',
        message: expect.stringContaining('-headers'),
      });
      expect(seen).toEqual([]);
    },
  );
});

describe('secrets in a URI', () => {
  it('user and password are sent as Basic authorization to that origin', async () => {
    const url = new URL(server.serve('model.bin', noting));
    await pullOnce(`http://user:p%40ss@${url.host}${url.pathname}`);
    expect(seen).toEqual([`Basic ${Buffer.from('user:p@ss').toString('base64')} -`]);
  });

  it.each([
    ['a signed query', (url: URL) => `${url.href}?X-Amz-Signature=s3cr3t`],
    ['a password', (url: URL) => `http://user:s3cr3t@${url.host}${url.pathname}`],
    ['a fragment', (url: URL) => `${url.href}#s3cr3t`],
  ])('%s is not in any message', async (_, uriOf) => {
    for (const status of [404, 403, 500]) {
      const url = new URL(
        server.serve('model.bin', (_request, response) => void response.writeHead(status).end()),
      );
      const { result } = await pullOnce(uriOf(url));
      expect(result.kind).toBe('failed');
      expect(JSON.stringify(result)).not.toContain('s3cr3t');
      expect(JSON.stringify(result)).toContain(url.pathname);
    }
  });

  it('a signed query is sent to the server', async () => {
    const url = server.body('model.bin', 'ok');
    await pullOnce(`${url}?X-Amz-Signature=s3cr3t`);
    expect(server.requests.at(-1)?.url).toContain('X-Amz-Signature=s3cr3t');
  });
});

describe('the name of a stored file', () => {
  it.each([
    ['model.bin', 'model.bin'],
    ['a%20model.bin', 'a model.bin'],
    ['m%C3%BC.bin', 'mü.bin'],
    ['', 'model'],
  ])('%s: %s', async (path, stored) => {
    const base = server.body('x', 'ok').replace(/x$/, '');
    const url = path === '' ? rootUrl : server.body(path, 'ok');
    expect(base).toContain('http');
    expect(texts(await pullOnce(url))).toEqual({ [stored]: 'ok' });
  });

  it.each(['..%2f..%2fevil', '%2e%2e%5cevil', 'a%00b'])('%s is rejected', async (path) => {
    const { result, outside } = await pullOnce(server.body(path, 'x'));
    expect(result).toMatchObject({ kind: 'failed', retry: 'rarely' });
    expect(outside).toEqual([]);
  });
});

let rootUrl = '';
beforeAll(async () => {
  const { createServer } = await import('node:http');
  const root = createServer((_, response) => void response.end('ok')).listen(0, '127.0.0.1');
  await new Promise((resolve) => root.once('listening', resolve));
  root.unref();
  const address = root.address();
  rootUrl = typeof address === 'object' ? `http://127.0.0.1:${address?.port ?? 0}/` : '';
});

describe('URIs that no source supports', () => {
  it.each([
    ['ftp://host/model', 'UnsupportedSource'],
    ['oci://registry/model:v1', 'InvalidUri'],
    ['constructor://x', 'UnsupportedSource'],
    ['model', 'InvalidUri'],
    ['', 'InvalidUri'],
    ['http://', 'InvalidUri'],
    ['https://[', 'InvalidUri'],
    ['gs://', 'InvalidUri'],
    ['gs://a b/c', 'InvalidUri'],
    ['hf://only-a-name', 'InvalidUri'],
    ['hf://../..', 'InvalidUri'],
    ['abfss://account.dfs.core.windows.net/m1', 'InvalidUri'],
    ['abfss://c@account.dfs.evil.example/m1', 'InvalidUri'],
    ['pvc:///m1', 'InvalidUri'],
    ['pvc://../m1', 'InvalidUri'],
    ['file://host/m1', 'InvalidUri'],
  ])('%s: %s', async (uri, reason) => {
    expect((await pullOnce(uri)).result).toMatchObject({ kind: 'failed', reason, retry: 'rarely' });
  });
});
