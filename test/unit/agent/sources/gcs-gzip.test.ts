import { createHash, randomBytes } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:http';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { once } from 'node:events';
import { gunzipSync, gzipSync } from 'node:zlib';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { AwsCrc32c } from '@aws-crypto/crc32c';
import { pullOnce } from '../../../support/pulling.ts';

interface Stored {
  readonly bytes: Buffer;
  readonly encoding?: string;
  /** `Cache-Control: no-transform` */
  readonly keeps: boolean;
  readonly digest: 'md5' | 'crc32c' | 'both' | 'none';
}

const CONTENT = randomBytes(300_000);
const TWICE = gzipSync(CONTENT);

/**
 * Serves one object as GCS does. Content stored with Content-Encoding gzip is sent decompressed, complete
 * and without a length to a client that does not accept gzip, unless it is marked with no-transform.
 * Source: cloud.google.com/storage/docs/transcoding
 */
describe('an object stored with Content-Encoding gzip in GCS', () => {
  let gcs: Server;
  let stored: Stored;
  /** The number of downloads that will be truncated. */
  let cuts: number;
  let ranges: (string | undefined)[];
  /** True: a proxy removes Accept-Encoding. */
  let isStripped: boolean;
  /** Sent instead of the stored bytes. */
  let sent: Buffer | undefined;

  beforeEach(() => {
    [cuts, ranges, isStripped, sent] = [0, [], false, undefined];
  });
  beforeAll(async () => {
    gcs = createServer((request, response) => {
      if (request.url?.includes('alt=media') === true) download(request, response);
      else void list(response);
    }).listen(0, '127.0.0.1');
    await once(gcs, 'listening');
  });
  afterAll(() => {
    gcs.close();
    gcs.closeAllConnections();
  });

  async function resource(): Promise<object> {
    const { bytes, encoding, digest } = stored;
    const md5Hash = createHash('md5').update(bytes).digest('base64');
    return {
      ...{ name: 'm/w.bin', size: String(bytes.length), generation: '7' },
      ...(encoding !== undefined && { contentEncoding: encoding }),
      ...((digest === 'md5' || digest === 'both') && { md5Hash }),
      ...((digest === 'crc32c' || digest === 'both') && { crc32c: await crc32c(bytes) }),
    };
  }

  async function list(response: ServerResponse): Promise<void> {
    response.end(JSON.stringify({ kind: 'storage#objects', items: [await resource()] }));
  }

  function download({ headers }: IncomingMessage, response: ServerResponse): void {
    const { encoding, keeps } = stored;
    const bytes = sent ?? stored.bytes;
    ranges.push(headers.range);
    const accepts = !isStripped && /\bgzip\b/.test(headers['accept-encoding'] ?? '');
    if (encoding !== undefined) response.setHeader('x-goog-stored-content-encoding', encoding);
    if (encoding === 'gzip' && !accepts && !keeps) {
      response.writeHead(200, { warning: '214 UploadServer gunzipped' }).end(gunzipSync(bytes));
      return;
    }
    if (encoding !== undefined) response.setHeader('content-encoding', encoding);
    const from = Number(/^bytes=(\d+)-$/.exec(headers.range ?? '')?.[1] ?? 0);
    const part = bytes.subarray(from);
    response.setHeader('content-length', part.length);
    if (from > 0) {
      response.statusCode = 206;
      response.setHeader('content-range', `bytes ${from}-${bytes.length - 1}/${bytes.length}`);
    }
    if (cuts === 0) response.end(part);
    else {
      cuts -= 1;
      response.write(part.subarray(0, Math.floor(part.length / 2)), () => response.destroy());
    }
  }

  async function crc32c(bytes: Buffer): Promise<string> {
    const sum = new AwsCrc32c();
    sum.update(bytes);
    return Buffer.from(await sum.digest()).toString('base64');
  }

  async function pulled(): Promise<Awaited<ReturnType<typeof pullOnce>>> {
    const { port } = gcs.address() as AddressInfo;
    return pullOnce('gs://bucket/m', { env: { STORAGE_EMULATOR_HOST: `127.0.0.1:${port}` } });
  }

  const digests = ['md5', 'crc32c', 'both', 'none'] as const;
  it.each(
    digests.flatMap((digest) =>
      [true, false].flatMap((keeps) => [0, 2].map((cut) => [digest, keeps, cut] as const)),
    ),
  )('is decompressed once: digest %s, no-transform %s, truncated %d times', async (digest, keeps, cut) => {
    cuts = cut;
    stored = { bytes: gzipSync(CONTENT), encoding: 'gzip', keeps, digest };
    const { result, files } = await pulled();
    expect(result).toMatchObject({ kind: 'pulled', files: 1 });
    expect(files.get('w.bin')?.equals(CONTENT)).toBe(true);
    expect(ranges).toHaveLength(cut + 1);
    expect(ranges.slice(1).every((range) => range?.startsWith('bytes=') === true)).toBe(true);
  });

  it.each([
    ['compressed twice', gzipSync(TWICE), 'gzip', TWICE],
    ['not gzip, despite the header', CONTENT, 'gzip', CONTENT],
    ['gzip without the header', TWICE, undefined, TWICE],
    ['gzip with an empty header', TWICE, '', TWICE],
    ['an upper-case header', gzipSync(CONTENT), 'GZIP', CONTENT],
    ['gzip of no bytes', gzipSync(Buffer.alloc(0)), 'gzip', Buffer.alloc(0)],
    ['empty', Buffer.alloc(0), 'gzip', Buffer.alloc(0)],
  ])('is decompressed as often as the header says: %s', async (_, bytes, encoding, expected) => {
    stored = { bytes, ...(encoding !== undefined && { encoding }), keeps: true, digest: 'both' };
    const { result, files } = await pulled();
    expect(result).toMatchObject({ kind: 'pulled' });
    expect(files.get('w.bin')?.equals(expected)).toBe(true);
  });

  it.each([
    ['with a changed byte', { flip: true }, 'ChecksumMismatch'],
    ['with a truncated gzip', { cutAt: 1_000 }, 'BadArchive'],
  ])('fails %s', async (_, { flip = false, cutAt }: { flip?: boolean; cutAt?: number }, reason) => {
    const bytes = gzipSync(CONTENT).subarray(0, cutAt);
    stored = { bytes, encoding: 'gzip', keeps: true, digest: 'md5' };
    if (flip) sent = Buffer.from(bytes).fill((bytes[200] ?? 0) ^ 1, 200, 201);
    expect((await pulled()).result).toMatchObject({ kind: 'failed', reason });
  });

  it('fails with a clear message when a proxy removes Accept-Encoding', async () => {
    isStripped = true;
    stored = { bytes: gzipSync(CONTENT), encoding: 'gzip', keeps: false, digest: 'md5' };
    const { result } = await pulled();
    expect(result).toMatchObject({ kind: 'failed', reason: 'RequestRefused', retry: 'rarely' });
    expect(result).toMatchObject({ message: expect.stringContaining('Accept-Encoding') });
    expect(ranges).toEqual([undefined]);
  });
});
