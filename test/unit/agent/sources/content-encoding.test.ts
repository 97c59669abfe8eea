import { setImmediate } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startFaultServer } from '../../../support/fault-server.ts';
import type { FaultServer, Handler } from '../../../support/fault-server.ts';
import { pullOnce, texts } from '../../../support/pulling.ts';
import type { Pulled } from '../../../support/pulling.ts';
import { tar } from '../../../support/tar-writer.ts';
import { zip } from '../../../support/zip-writer.ts';

let server: FaultServer;
beforeAll(async () => {
  server = await startFaultServer();
});
afterAll(() => server.stop());

function pull(handler: Handler): Promise<Pulled> {
  return pullOnce(server.serve('model.bin', handler));
}

describe('an incorrect Content-Encoding', () => {
  it.each([
    '',
    'identity',
    'aws-chunked',
    'Identity, aws-chunked',
    'gzip',
    'x-gzip',
    'utf8',
    'text/plain',
    'raw, none',
  ])("'%s': stores the bytes unchanged", async (encoding) => {
    const pulled = await pull(
      (_, response) => void response.writeHead(200, { 'content-encoding': encoding }).end('weights'),
    );
    expect(texts(pulled)).toEqual({ 'model.bin': 'weights' });
  });

  it.each(['gzip', 'x-gzip'])(
    '%s of a .gz file is that of the file itself, which is stored unchanged',
    async (encoding) => {
      const packed = gzipSync('weights');
      const pulled = await pullOnce(server.body('model.json.gz', packed, { 'content-encoding': encoding }));
      expect(pulled.files.get('model.json.gz')).toEqual(packed);
    },
  );

  it('gzip of a .tgz redirected to a URL without its name is unpacked', async () => {
    const packed = gzipSync(tar([{ name: 'a.bin', body: 'weights' }]));
    const blob = server.body('4f1d', packed, { 'content-encoding': 'gzip' });
    expect(
      texts(
        await pullOnce(
          server.serve('m.tgz', (_, response) => void response.writeHead(302, { location: blob }).end()),
        ),
      ),
    ).toEqual({ 'a.bin': 'weights' });
  });

  it('gzip of a .tar is decompressed and unpacked', async () => {
    const packed = gzipSync(tar([{ name: 'a.bin', body: 'weights' }]));
    const pulled = await pullOnce(server.body('m.tar', packed, { 'content-encoding': 'gzip' }));
    expect(texts(pulled)).toEqual({ 'a.bin': 'weights' });
  });

  it.each([
    ['gzip is decompressed even if its first byte arrives alone', gzipSync('weights'), 'weights'],
    ['plain bytes are stored even if the first arrives alone', Buffer.from('weights'), 'weights'],
    ['a file of one byte is stored', Buffer.from('w'), 'w'],
  ])('%s', async (_what, bytes, stored) => {
    const pulled = await pull(async (_, response) => {
      response.writeHead(200, { 'content-encoding': 'gzip' });
      await new Promise((resolve) => response.write(bytes.subarray(0, 1), resolve));
      await setImmediate();
      response.end(bytes.subarray(1));
    });
    expect(texts(pulled)).toEqual({ 'model.bin': stored });
  });

  it.each([
    ['GZIP', gzipSync('weights')],
    ['x-gzip', gzipSync('weights')],
    ['gzip, aws-chunked', gzipSync('weights')],
    ['gzip, gzip', gzipSync(gzipSync('weights'))],
    ['gzip, gzip', gzipSync('weights')],
  ])("'%s' is decoded although it was not requested", async (encoding, packed) => {
    const pulled = await pull(
      (_, response) =>
        void response
          .writeHead(200, { 'content-encoding': encoding, 'content-length': packed.length })
          .end(packed),
    );
    expect(texts(pulled)).toEqual({ 'model.bin': 'weights' });
  });

  it.each<[string, Record<string, string>]>([
    ['a length', { 'content-length': '0' }],
    ['no length', {}],
    ['gzip, and a length', { 'content-length': '0', 'content-encoding': 'gzip' }],
    ['gzip, and no length', { 'content-encoding': 'gzip' }],
  ])('an empty file with %s is stored unchanged', async (_, headers) => {
    const pulled = await pull((_request, response) => {
      response.writeHead(200, headers).flushHeaders();
      setTimeout(() => response.end(), 20);
    });
    expect(texts(pulled)).toEqual({ 'model.bin': '' });
  });

  it('more than two gzip encodings are rejected', async () => {
    const encoding = Array.from({ length: 3_000 }, () => 'gzip').join(',');
    const pulled = await pull(
      (_, response) => void response.writeHead(200, { 'content-encoding': encoding }).end(gzipSync('x')),
    );
    expect(pulled.result).toMatchObject({ kind: 'failed', reason: 'RequestRefused' });
  });

  it('a truncated gzip is rejected', async () => {
    const packed = gzipSync('weights'.repeat(100)).subarray(0, -9);
    const pulled = await pull(
      (_, response) => void response.writeHead(200, { 'content-encoding': 'gzip' }).end(packed),
    );
    expect(pulled.result).toMatchObject({ kind: 'failed', reason: 'BadArchive' });
  });

  it.each([
    ['m.tgz', gzipSync(tar([{ name: 'a.bin', body: 'weights' }]))],
    ['m.tar', tar([{ name: 'a.bin', body: 'weights' }])],
    ['m.zip', zip([{ name: 'a.bin', body: 'weights' }])],
  ])('a %s that was compressed again on the way is unpacked', async (name, archive) => {
    const pulled = await pullOnce(server.body(name, gzipSync(archive), { 'content-encoding': 'gzip' }));
    expect(texts(pulled)).toEqual({ 'a.bin': 'weights' });
  });

  it.each(['br', 'zstd', 'deflate', 'gzip, br'])("'%s' is rejected", async (encoding) => {
    const pulled = await pull(
      (_, response) => void response.writeHead(200, { 'content-encoding': encoding }).end('x'),
    );
    expect(pulled.result).toMatchObject({ kind: 'failed', reason: 'RequestRefused' });
  });

  it('x-gzip of a .tgz is decompressed once', async () => {
    const packed = gzipSync(tar([{ name: 'a.bin', body: 'weights' }]));
    const pulled = await pullOnce(server.body('m.tgz', packed, { 'content-encoding': 'x-gzip' }));
    expect(texts(pulled)).toEqual({ 'a.bin': 'weights' });
  });
});
