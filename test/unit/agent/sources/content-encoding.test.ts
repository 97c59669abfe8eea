import { setImmediate } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startFaultServer } from '../../../support/fault-server.ts';
import type { FaultServer, Handler } from '../../../support/fault-server.ts';
import { pullOnce, texts } from '../../../support/pulling.ts';
import type { Pulled } from '../../../support/pulling.ts';
import { tar } from '../../../support/tar-writer.ts';

let server: FaultServer;
beforeAll(async () => {
  server = await startFaultServer();
});
afterAll(() => server.stop());

function pull(handler: Handler): Promise<Pulled> {
  return pullOnce(server.serve('model.bin', handler));
}

describe('a Content-Encoding that is none', () => {
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
  ])("'%s': the bytes are the file", async (encoding) => {
    const pulled = await pull(
      (_, response) => void response.writeHead(200, { 'content-encoding': encoding }).end('weights'),
    );
    expect(texts(pulled)).toEqual({ 'model.bin': 'weights' });
  });

  it.each(['gzip', 'x-gzip'])(
    '%s of a .gz is that of the file itself, which is stored as it is',
    async (encoding) => {
      const packed = gzipSync('weights');
      const pulled = await pullOnce(server.body('model.json.gz', packed, { 'content-encoding': encoding }));
      expect(pulled.files.get('model.json.gz')).toEqual(packed);
    },
  );

  it('gzip of a .tgz that is redirected to a URL without its name', async () => {
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

  it('gzip of a .tar, which is unpacked as if it had been stored so', async () => {
    const packed = gzipSync(tar([{ name: 'a.bin', body: 'weights' }]));
    const pulled = await pullOnce(server.body('m.tar', packed, { 'content-encoding': 'gzip' }));
    expect(texts(pulled)).toEqual({ 'a.bin': 'weights' });
  });

  it.each([
    ['gzip is refused though its first byte comes alone', gzipSync('weights'), undefined],
    ['plain bytes are taken though the first comes alone', Buffer.from('weights'), 'weights'],
    ['a file of one byte is taken', Buffer.from('w'), 'w'],
  ])('%s', async (_what, bytes, stored) => {
    const pulled = await pull(async (_, response) => {
      response.writeHead(200, { 'content-encoding': 'gzip' });
      await new Promise((resolve) => response.write(bytes.subarray(0, 1), resolve));
      await setImmediate();
      response.end(bytes.subarray(1));
    });
    if (stored !== undefined) expect(texts(pulled)).toEqual({ 'model.bin': stored });
    else expect(pulled.result).toMatchObject({ kind: 'failed', reason: 'RequestRefused' });
  });

  it('x-gzip of a .tgz is unpacked once', async () => {
    const packed = gzipSync(tar([{ name: 'a.bin', body: 'weights' }]));
    const pulled = await pullOnce(server.body('m.tgz', packed, { 'content-encoding': 'x-gzip' }));
    expect(texts(pulled)).toEqual({ 'a.bin': 'weights' });
  });
});
