import { generateKeyPairSync } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { startAzure } from '../support/azure.ts';
import type { TestAzure } from '../support/azure.ts';
import { certificateFiles } from '../support/certificate-files.ts';
import type { CertificateFiles } from '../support/certificate-files.ts';
import { startFaultServer } from '../support/fault-server.ts';
import { forwardProxies, named } from '../support/forward-proxy.ts';
import type { ForwardProxy, ForwardProxyOptions } from '../support/forward-proxy.ts';
import { startGcs } from '../support/gcs.ts';
import type { TestGcs } from '../support/gcs.ts';
import { pullOnce, texts } from '../support/pulling.ts';
import type { Pulled } from '../support/pulling.ts';
import { startS3 } from '../support/s3.ts';
import type { TestS3 } from '../support/s3.ts';

const proxies = forwardProxies();
afterEach(() => proxies.stopAll());

let proxy: ForwardProxy;
beforeEach(async () => {
  proxy = await proxies.start();
});

/** Pulls as the agent does, in a process with these variables. */
function pull(uri: string, env: Record<string, string>, by: ForwardProxy = proxy): Promise<Pulled> {
  const login = by.url.replace('://', '://robot:s3cr3t@');
  return pullOnce(uri, { env: { HTTP_PROXY: login, HTTPS_PROXY: login, ...env }, forked: true });
}

describe('S3 through a proxy', () => {
  let certificate: CertificateFiles;
  let plain: TestS3;
  let secure: TestS3;
  beforeAll(async () => {
    certificate = await certificateFiles('s3.test');
    plain = await startS3();
    secure = await startS3({ cert: certificate.certFile, key: certificate.keyFile });
    for (const store of [plain, secure]) await store.putObject('models', 'm1/a b+ü%2F.bin', 'weights');
  });
  afterAll(async () => {
    await Promise.all([plain.stop(), secure.stop()]);
    await certificate.remove();
  });

  function injected(store: TestS3): Record<string, string> {
    return {
      AWS_ACCESS_KEY_ID: store.accessKeyId,
      AWS_SECRET_ACCESS_KEY: store.secretAccessKey,
      AWS_ENDPOINT_URL: named(store.endpoint, 's3.test'),
      AWS_CA_BUNDLE: certificate.certFile,
    };
  }

  it('over http', async () => {
    expect(texts(await pull('s3://models/m1', injected(plain)))).toEqual({ 'a b+ü%2F.bin': 'weights' });
    const url = named(plain.endpoint, 's3.test');
    expect(proxy.asked).toEqual(proxy.asked.filter((line) => line.startsWith(`GET ${url}/models`)));
    expect(proxy.asked).toHaveLength(2);
  });

  it('over https, with a private CA', async () => {
    expect(texts(await pull('s3://models/m1', injected(secure)))).toEqual({ 'a b+ü%2F.bin': 'weights' });
    expect(new Set(proxy.asked)).toEqual(new Set([`CONNECT s3.test:${new URL(secure.endpoint).port}`]));
  });

  it('bypasses the proxy for addresses in NO_PROXY and for the loopback', async () => {
    const env = { ...injected(plain), AWS_ENDPOINT_URL: plain.endpoint };
    expect(texts(await pull('s3://models/m1', env))).toEqual({ 'a b+ü%2F.bin': 'weights' });
    expect(proxy.asked).toEqual([]);
  });

  it('sends the token request of a role through the proxy too', async () => {
    const sts = await startFaultServer();
    try {
      const token = join(await mkdtemp(join(tmpdir(), 'kserve-mms-token-')), 'token');
      await writeFile(token, 'token');
      sts.serveAt('/', (_, response) => void response.writeHead(403).end());
      const { result } = await pull('s3://models/m1', {
        AWS_ENDPOINT_URL: named(plain.endpoint, 's3.test'),
        AWS_ENDPOINT_URL_STS: named(sts.url, 'sts.test'),
        AWS_ROLE_ARN: 'arn:aws:iam::123456789012:role/models',
        AWS_WEB_IDENTITY_TOKEN_FILE: token,
      });
      expect(result).toMatchObject({ kind: 'failed', reason: 'AccessDenied' });
      expect(proxy.asked).toEqual([`POST ${named(sts.url, 'sts.test')}/`]);
      await rm(token);
    } finally {
      await sts.stop();
    }
  });

  it('requests the token from AWS, wherever the store is', async () => {
    const refusing = await proxies.start({ refuseWith: 403 });
    const token = join(await mkdtemp(join(tmpdir(), 'kserve-mms-token-')), 'token');
    await writeFile(token, 'token');
    const role = {
      AWS_DEFAULT_REGION: 'eu-central-1',
      AWS_REGION: 'us-east-1',
      AWS_ROLE_ARN: 'arn:aws:iam::123456789012:role/models',
      AWS_WEB_IDENTITY_TOKEN_FILE: token,
    };
    const { result } = await pull('s3://models/m1', { ...role, AWS_ENDPOINT_URL: plain.endpoint }, refusing);
    expect(result).toMatchObject({ kind: 'failed' });
    expect(new Set(refusing.asked)).toEqual(new Set(['CONNECT sts.eu-central-1.amazonaws.com:443']));
    await rm(token);
  });

  it.each<[string, ForwardProxyOptions, () => TestS3, string]>([
    ['wants another password', { authorization: 'other' }, () => plain, 'HTTP_PROXY'],
    ['wants another password', { authorization: 'other' }, () => secure, 'HTTPS_PROXY'],
    ['does not allow the store', { refuseWith: 403 }, () => secure, 'HTTPS_PROXY'],
  ])('names a proxy that %s (%j)', async (_, options, store, variable) => {
    const refusing = await proxies.start(options);
    const { result } = await pull('s3://models/m1', injected(store()), refusing);
    expectNamed(result, 'ProxyRefused', `${refusing.host} (${variable})`);
  });

  it('names a proxy that cannot be reached', async () => {
    const env = { ...injected(secure), HTTPS_PROXY: 'http://robot:s3cr3t@127.0.0.1:1' };
    const { result } = await pull('s3://models/m1', env);
    expectNamed(result, 'ProxyUnavailable', '127.0.0.1:1 (HTTPS_PROXY)');
  });
});

describe('Azure through a proxy', () => {
  const uri = 'https://devstoreaccount1.blob.core.windows.net/models/m1';
  let azure: TestAzure;
  let endpoint: string;
  beforeAll(async () => {
    azure = await startAzure();
    await azure.putBlob('models', 'm1/a b+ü.bin', 'weights');
    // The emulator takes the first label of the host name for the account.
    const { port } = new URL(azure.endpoint);
    endpoint = `http://devstoreaccount1.azure.test:${port}`;
  });
  afterAll(() => azure.stop());

  it('with an account key', async () => {
    const env = { AZURE_STORAGE_ACCESS_KEY: azure.key, AZURE_STORAGE_SERVICE_ENDPOINT: endpoint };
    expect(texts(await pull(uri, env))).toEqual({ 'a b+ü.bin': 'weights' });
    expect(proxy.asked).toEqual(proxy.asked.filter((line) => line.startsWith(`GET ${endpoint}/models`)));
    expect(proxy.asked).toHaveLength(2);
  });

  it('bypasses the proxy by the same rules; Azure’s own client would use it for the loopback', async () => {
    const env = { AZURE_STORAGE_ACCESS_KEY: azure.key, AZURE_STORAGE_SERVICE_ENDPOINT: azure.endpoint };
    expect(texts(await pull(uri, env))).toEqual({ 'a b+ü.bin': 'weights' });
    expect(proxy.asked).toEqual([]);
  });

  it('sends the token request of a service principal through the proxy too', async () => {
    const refusing = await proxies.start({ refuseWith: 403 });
    const env = { AZURE_TENANT_ID: 'tenant', AZURE_CLIENT_ID: 'client', AZURE_CLIENT_SECRET: 'secret' };
    const { result } = await pull(uri, env, refusing);
    expectNamed(result, 'ProxyRefused', `${refusing.host} (HTTPS_PROXY)`);
    expect(new Set(refusing.asked)).toEqual(new Set(['CONNECT login.microsoftonline.com:443']));
  });

  it('names a proxy that cannot be reached', async () => {
    const env = { AZURE_STORAGE_ACCESS_KEY: azure.key, HTTPS_PROXY: 'http://robot:s3cr3t@127.0.0.1:1' };
    expectNamed((await pull(uri, env)).result, 'ProxyUnavailable', '127.0.0.1:1 (HTTPS_PROXY)');
  });
});

describe('Google Cloud Storage through a proxy', () => {
  let gcs: TestGcs;
  beforeAll(async () => {
    gcs = await startGcs();
    await gcs.putObject('models', 'm1/a b+ü%2F.bin', Buffer.from('weights'));
  });
  afterAll(() => gcs.stop());

  it('downloads objects', async () => {
    const endpoint = named(gcs.endpoint, 'gcs.test');
    const pulled = await pull('gs://models/m1', { STORAGE_EMULATOR_HOST: endpoint });
    expect(texts(pulled)).toEqual({ 'a b+ü%2F.bin': 'weights' });
    expect(proxy.asked).toEqual(proxy.asked.filter((line) => line.startsWith(`GET ${endpoint}/`)));
    expect(proxy.asked).toHaveLength(2);
  });

  it('sends the token request of a key through the proxy too', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'kserve-mms-key-'));
    try {
      const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
      const key = privateKey.export({ type: 'pkcs8', format: 'pem' });
      const file = join(directory, 'key.json');
      const account = { type: 'service_account', client_email: 'a@b.test', private_key: key };
      await writeFile(file, JSON.stringify(account));
      const refusing = await proxies.start({ refuseWith: 403 });
      const { result } = await pull('gs://models/m1', { GOOGLE_APPLICATION_CREDENTIALS: file }, refusing);
      expectNamed(result, 'ProxyRefused', `${refusing.host} (HTTPS_PROXY)`);
      expect(new Set(refusing.asked)).toEqual(new Set(['CONNECT oauth2.googleapis.com:443']));
    } finally {
      await rm(directory, { recursive: true, force: true });
    }
  });
});

function expectNamed(result: Pulled['result'], reason: string, text: string): void {
  const message = expect.stringContaining(text);
  expect(result).toMatchObject({ kind: 'failed', reason, retry: 'soon', message });
  expect(JSON.stringify(result)).not.toMatch(/s3cr3t|robot/);
}
