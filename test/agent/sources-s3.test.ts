import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { certificateFiles } from '../support/certificate-files.ts';
import type { CertificateFiles } from '../support/certificate-files.ts';
import { pullOnce, texts } from '../support/pulling.ts';
import type { Pulled } from '../support/pulling.ts';
import { startS3 } from '../support/s3.ts';
import type { TestS3 } from '../support/s3.ts';

let s3: TestS3;

/** The environment that KServe's webhook injects for a Secret with S3 annotations. */
function injected(store: TestS3): Record<string, string> {
  const { host, protocol } = new URL(store.endpoint);
  return {
    AWS_ACCESS_KEY_ID: store.accessKeyId,
    AWS_SECRET_ACCESS_KEY: store.secretAccessKey,
    S3_ENDPOINT: host,
    AWS_ENDPOINT_URL: store.endpoint,
    S3_USE_HTTPS: protocol === 'https:' ? '1' : '0',
    AWS_DEFAULT_REGION: 'us-east-1',
    S3_VERIFY_SSL: '1',
  };
}

function pull(uri: string, env: Record<string, string> = injected(s3)): Promise<Pulled> {
  return pullOnce(uri, { env });
}

beforeAll(async () => {
  s3 = await startS3();
  await s3.putObject('models', 'm1/config.json', '{}');
  await s3.putObject('models', 'm1/1/model.onnx', 'weights');
  await s3.putObject('models', 'm10/other.bin', 'not of m1');
  await s3.putObject('models', 'single/model.joblib', 'one file');
  await s3.putObject('models', 'single/model.joblib.sig', 'signature');
  await s3.putObject('models', 'packed/model.tar.gz', 'not unpacked');
});
afterAll(() => s3.stop());

describe('a model in a real S3 store', () => {
  it('downloads every object below the prefix with its relative path', async () => {
    const pulled = await pull('s3://models/m1');
    expect(pulled.result).toEqual({ kind: 'pulled', files: 2, bytes: 9 });
    expect(texts(pulled)).toEqual({ '1/model.onnx': 'weights', 'config.json': '{}' });
    expect(Object.fromEntries(pulled.modes)).toEqual({
      '1': 0o755,
      '1/model.onnx': 0o644,
      'config.json': 0o644,
    });
  });

  it.each([
    ['with a slash at the end', 's3://models/m1/', ['1/model.onnx', 'config.json']],
    ['a single object, under its base name', 's3://models/single/model.joblib', ['model.joblib']],
    ['an archive stays as it is', 's3://models/packed/model.tar.gz', ['model.tar.gz']],
    ['a deeper prefix', 's3://models/m1/1', ['model.onnx']],
  ])('%s', async (_, uri, paths) => {
    expect([...(await pull(uri)).files.keys()].sort()).toEqual(paths);
  });

  it('keeps empty directories that have marker objects', async () => {
    await s3.putObject('models', 'ensemble/config.pbtxt', 'platform: "ensemble"');
    await s3.putObject('models', 'ensemble/1/', '');
    const pulled = await pull('s3://models/ensemble');
    expect(pulled.result).toMatchObject({ kind: 'pulled', files: 1 });
    expect([...pulled.modes.keys()].sort()).toEqual(['1', 'config.pbtxt']);
  });

  it('downloads 1,100 objects, more than one page of a listing', async () => {
    const names = Array.from({ length: 1100 }, (_, index) => `file-${index}`);
    for (let start = 0; start < names.length; start += 50) {
      await Promise.all(
        names.slice(start, start + 50).map((name) => s3.putObject('models', `many/${name}`, name)),
      );
    }
    const { result, files } = await pull('s3://models/many');
    expect(result).toMatchObject({ kind: 'pulled', files: 1100 });
    expect(names.every((name) => files.get(name)?.toString() === name)).toBe(true);
  });

  it('downloads 30 MiB unchanged', async () => {
    const body = randomBytes(30 * 1024 ** 2);
    await s3.putObject('models', 'large/weights.bin', body);
    expect((await pull('s3://models/large')).files.get('weights.bin')?.equals(body)).toBe(true);
  });

  it.each([
    ['an empty prefix', 's3://models/m', 'NotFound'],
    ['a missing bucket', 's3://no-such-bucket/m1', 'NotFound'],
    ['no bucket', 's3:///m1', 'InvalidUri'],
    ['credentials in the URI', 's3://key:secret@models/m1', 'InvalidUri'],
  ])('%s is refused permanently', async (_, uri, reason) => {
    const { result, outside } = await pull(uri);
    expect(result).toMatchObject({ kind: 'failed', reason, retry: 'rarely' });
    expect(JSON.stringify(result)).not.toContain('secret@');
    expect(outside).toEqual([]);
  });

  it('wrong credentials are refused permanently, and never written to a message', async () => {
    const { result } = await pull('s3://models/m1', {
      ...injected(s3),
      AWS_SECRET_ACCESS_KEY: 'wrong-secret-value',
    });
    expect(result).toMatchObject({ kind: 'failed', reason: 'AccessDenied', retry: 'rarely' });
    expect(JSON.stringify(result)).not.toContain('wrong-secret-value');
  });

  it('an unreachable store is retried soon', async () => {
    const env = { ...injected(s3), AWS_ENDPOINT_URL: 'http://127.0.0.1:1' };
    const { result } = await pullOnce('s3://models/m1', { env, forked: true });
    expect(result).toMatchObject({ kind: 'failed', reason: 'SourceUnavailable', retry: 'soon' });
  });

  it('an object whose bytes changed in the store is refused', async () => {
    await s3.putObject('models', 'damaged/weights.bin', 'weights', { ChecksumAlgorithm: 'SHA256' });
    await s3.damage('models', 'damaged/weights.bin', 'wEights');
    const { result, outside } = await pull('s3://models/damaged');
    expect(result).toMatchObject({ kind: 'failed', reason: 'ChecksumMismatch', retry: 'soon' });
    expect(outside).toEqual([]);
  });

  it('anonymous access reads only a public bucket', async () => {
    await s3.putObject('public', 'm1/model.bin', 'open');
    await s3.makePublic('public');
    const env = {
      AWS_ENDPOINT_URL: s3.endpoint,
      awsAnonymousCredential: 'true',
      AWS_DEFAULT_REGION: 'us-east-1',
    };
    expect(texts(await pull('s3://public/m1', env))).toEqual({ 'model.bin': 'open' });
    expect((await pull('s3://models/m1', env)).result).toMatchObject({ reason: 'AccessDenied' });
  });
});

describe('an S3 store with a private CA', () => {
  let authority: CertificateFiles;
  let secure: TestS3;

  beforeAll(async () => {
    authority = await certificateFiles();
    secure = await startS3({ cert: authority.certFile, key: authority.keyFile });
    await secure.putObject('models', 'm1/model.bin', 'over TLS');
  });
  afterAll(async () => {
    await secure.stop();
    await authority.remove();
  });

  it('is refused without the CA', async () => {
    const { result } = await pullOnce('s3://models/m1', { env: injected(secure), forked: true });
    expect(result).toMatchObject({ kind: 'failed', reason: 'UntrustedCertificate', retry: 'rarely' });
  });

  it.each([
    ['AWS_CA_BUNDLE', () => ({ AWS_CA_BUNDLE: authority.certFile })],
    ['S3_VERIFY_SSL=0', () => ({ S3_VERIFY_SSL: '0' })],
    [
      'S3_ENDPOINT and S3_USE_HTTPS alone',
      () => ({ AWS_CA_BUNDLE: authority.certFile, AWS_ENDPOINT_URL: '' }),
    ],
  ])('is read with %s', async (_, more) => {
    expect(texts(await pull('s3://models/m1', { ...injected(secure), ...more() }))).toEqual({
      'model.bin': 'over TLS',
    });
  });

  it('names a missing CA bundle', async () => {
    const { result } = await pull('s3://models/m1', {
      ...injected(secure),
      AWS_CA_BUNDLE: `${authority.certFile}.none.pem`,
    });
    expect(result).toMatchObject({
      reason: 'SourceConfiguration',
      message: expect.stringContaining('none.pem'),
    });
  });
});
