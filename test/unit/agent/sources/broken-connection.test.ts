import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startFaultServer } from '../../../support/fault-server.ts';
import type { FaultServer, Handler } from '../../../support/fault-server.ts';
import { pullOnce, texts } from '../../../support/pulling.ts';
import type { Pulled } from '../../../support/pulling.ts';

let server: FaultServer;
beforeAll(async () => {
  server = await startFaultServer();
});
afterAll(() => server.stop());

function pull(handler: Handler): Promise<Pulled> {
  return pullOnce(server.serve('model.bin', handler));
}

describe('a broken connection', () => {
  const whole = 'abcdefghijklmnopqrstuvwxyz'.repeat(1000);

  /** Sends 9,000 bytes at a time and then closes the connection. */
  const breaking =
    (etag: string, asked: string[]): Handler =>
    (request, response) => {
      const range = request.headers.range ?? '';
      asked.push(`${range} ${String(request.headers['if-range'] ?? '')}`.trim());
      const start = Number(/bytes=(\d+)-/.exec(range)?.[1] ?? 0);
      const end = Math.min(start + 9000, whole.length);
      const partial =
        start > 0 ? { 'content-range': `bytes ${start}-${whole.length - 1}/${whole.length}` } : {};
      const length = { 'content-length': whole.length - start, etag, ...partial };
      response.writeHead(start > 0 ? 206 : 200, length);
      response.write(whole.slice(start, end), () => {
        if (end === whole.length) response.end();
        else setTimeout(() => response.destroy(), 20);
      });
    };

  it('is resumed at its offset, with the same version of the file', async () => {
    const asked: string[] = [];
    const pulled = await pull(breaking('"v1"', asked));
    expect(pulled.result).toEqual({ kind: 'pulled', files: 1, bytes: whole.length, version: '"v1"' });
    expect(texts(pulled)['model.bin']).toBe(whole);
    expect(asked).toEqual(['', 'bytes=9000- "v1"', 'bytes=18000- "v1"']);
  });

  it('is not resumed without a strong ETag, because only that identifies exact bytes', async () => {
    const asked: string[] = [];
    const { result } = await pull(breaking('W/"v1"', asked));
    expect(result).toMatchObject({ kind: 'failed', reason: 'SourceUnavailable', retry: 'soon' });
    expect(asked).toEqual(['']);
  });

  it.each([
    ['another ETag, from a server that ignores If-Range', { etag: '"v2"' }, 26_000],
    ['another length', { etag: '"v1"' }, 27_000],
    ['several ranges', { etag: '"v1"', 'content-type': 'multipart/byteranges; boundary=x' }, undefined],
  ])('fails when the rest has %s', async (_, headers, total) => {
    let requests = 0;
    const { result } = await pull((request, response) => {
      requests += 1;
      if (requests === 1) return void breaking('"v1"', [])(request, response);
      const range = total === undefined ? {} : { 'content-range': `bytes 9000-${total - 1}/${total}` };
      response.writeHead(206, { ...headers, ...range }).end('x'.repeat((total ?? 26_000) - 9000));
    });
    expect(result).toMatchObject({ kind: 'failed', reason: 'SourceChanged', retry: 'soon' });
  });

  it('is resumed even if the total size is unknown', async () => {
    let requests = 0;
    const pulled = await pull((request, response) => {
      requests += 1;
      if (requests === 1) return void breaking('"v1"', [])(request, response);
      response.writeHead(206, { etag: '"v1"', 'content-range': 'bytes 9000-25999/*' }).end(whole.slice(9000));
    });
    expect(texts(pulled)['model.bin']).toBe(whole);
  });

  it('fails when the file has changed', async () => {
    let requests = 0;
    const { result } = await pull((request, response) => {
      requests += 1;
      if (requests === 1) void breaking('"v1"', [])(request, response);
      else response.writeHead(200, { etag: '"v2"' }).end('something new');
    });
    expect(result).toMatchObject({ kind: 'failed', reason: 'SourceChanged', retry: 'soon' });
  });
});
