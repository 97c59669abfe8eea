import { randomBytes } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startGcs } from '../support/gcs.ts';
import type { TestGcs } from '../support/gcs.ts';
import { pullOnce, texts } from '../support/pulling.ts';
import type { Pulled } from '../support/pulling.ts';

let gcs: TestGcs;
const weights = randomBytes(5 * 1024 ** 2);

function pull(uri: string): Promise<Pulled> {
  return pullOnce(uri, { env: { STORAGE_EMULATOR_HOST: gcs.endpoint } });
}

beforeAll(async () => {
  gcs = await startGcs();
  await gcs.putObject('models', 'm1/config.json', Buffer.from('{}'));
  await gcs.putObject('models', 'm1/1/weights %2F ü.bin', weights);
  await gcs.putObject('models', 'm10/other.bin', Buffer.from('not of m1'));
});
afterAll(() => gcs.stop());

describe('a model in a GCS store', () => {
  it('downloads every object below the prefix with its relative path, and checks its MD5', async () => {
    const pulled = await pull('gs://models/m1');
    expect(pulled.result).toEqual({ kind: 'pulled', files: 2, bytes: weights.length + 2 });
    expect([...pulled.files.keys()].sort()).toEqual(['1/weights %2F ü.bin', 'config.json']);
    expect(pulled.files.get('1/weights %2F ü.bin')?.equals(weights)).toBe(true);
  });

  it('downloads a single object under its base name', async () => {
    expect(texts(await pull('gs://models/m1/config.json'))).toEqual({ 'config.json': '{}' });
  });

  it('decompresses what gsutil cp -Z stored, once, and keeps objects that are only marked as gzip', async () => {
    const archive = gzipSync('an archive of the user');
    await gcs.putObject('models', 'z/weights.bin', gzipSync(weights), 'gzip');
    await gcs.putObject('models', 'z/model.tgz', gzipSync(archive), 'gzip');
    await gcs.putObject('models', 'z/plain.txt', Buffer.from('no gzip at all'), 'gzip');
    await gcs.putObject('models', 'z/empty', Buffer.alloc(0), 'gzip');
    await gcs.putObject('models', 'z/own.gz', archive);
    const { result, files } = await pull('gs://models/z');
    expect(result).toMatchObject({ kind: 'pulled', files: 5 });
    expect(files.get('weights.bin')?.equals(weights)).toBe(true);
    expect(files.get('model.tgz')?.equals(archive)).toBe(true);
    expect(files.get('own.gz')?.equals(archive)).toBe(true);
    expect(files.get('plain.txt')?.toString()).toBe('no gzip at all');
    expect(files.get('empty')?.length).toBe(0);
  });

  it('keeps directories from marker objects, and stores no marker as a file', async () => {
    const empty = Buffer.alloc(0);
    for (const mark of ['marks/', 'marks/1/', 'marks/2_$folder$', 'marks_$folder$', 'marks/3/4_$folder$']) {
      await gcs.putObject('models', mark, empty);
    }
    await gcs.putObject('models', 'marks/config.pbtxt', Buffer.from('name: "e"'));
    await gcs.putObject('models', 'marks/own_$folder$', Buffer.from('with content'));
    const pulled = await pull('gs://models/marks');
    expect(texts(pulled)).toEqual({ 'config.pbtxt': 'name: "e"', own_$folder$: 'with content' });
    expect([...pulled.modes.keys()].sort()).toEqual(['1', '2', '3', '3/4', 'config.pbtxt', 'own_$folder$']);
  });

  it('refuses an object that is marked as gzip and truncated', async () => {
    await gcs.putObject('models', 'cut/w.bin', gzipSync(weights).subarray(0, 100_000), 'gzip');
    expect((await pull('gs://models/cut')).result).toMatchObject({ kind: 'failed', reason: 'BadArchive' });
  });

  it.each([
    ['an empty prefix', 'gs://models/m'],
    ['a missing bucket', 'gs://no-such-bucket/m1'],
  ])('%s is refused permanently', async (_, uri) => {
    expect((await pull(uri)).result).toMatchObject({ kind: 'failed', reason: 'NotFound', retry: 'rarely' });
  });
});
