import { randomBytes } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { startAzure } from '../support/azure.ts';
import { startCuttingProxy } from '../support/cutting-proxy.ts';
import { startGcs } from '../support/gcs.ts';
import { pullOnce } from '../support/pulling.ts';
import { startS3 } from '../support/s3.ts';

const MIB = 1024 ** 2;
const weights = randomBytes(8 * MIB);

interface Store {
  readonly port: number;
  readonly uri: string;
  env(proxy: string): Record<string, string>;
  stop(): Promise<void>;
}

const stores: Readonly<Record<string, () => Promise<Store>>> = {
  S3: async () => {
    const s3 = await startS3();
    await s3.putObject('models', 'm1/weights.bin', weights);
    const keys = { AWS_ACCESS_KEY_ID: s3.accessKeyId, AWS_SECRET_ACCESS_KEY: s3.secretAccessKey };
    const env = (proxy: string) => ({ ...keys, AWS_ENDPOINT_URL: `http://${proxy}` });
    return { port: portOf(s3.endpoint), uri: 's3://models/m1', env, stop: () => s3.stop() };
  },
  GCS: async () => {
    const gcs = await startGcs();
    await gcs.putObject('models', 'm1/weights.bin', weights);
    const env = (proxy: string) => ({ STORAGE_EMULATOR_HOST: proxy });
    return { port: portOf(gcs.endpoint), uri: 'gs://models/m1', env, stop: () => gcs.stop() };
  },
  Azure: async () => {
    const azure = await startAzure();
    await azure.putBlob('models', 'm1/weights.bin', weights);
    const env = (proxy: string) => ({
      AZURE_STORAGE_ACCESS_KEY: azure.key,
      AZURE_STORAGE_SERVICE_ENDPOINT: `http://${proxy}/${azure.account}`,
    });
    const uri = `https://${azure.account}.blob.core.windows.net/models/m1`;
    return { port: portOf(azure.endpoint), uri, env, stop: () => azure.stop() };
  },
};

function portOf(url: string): number {
  return Number(new URL(url).port);
}

describe.each(Object.keys(stores))('a connection to %s that breaks', (name) => {
  it.each([
    ['twice: the download resumes', 2, 'pulled'],
    ['every time without progress: fails as retryable', 1000, 'failed'],
  ])('%s', async (_, cuts, kind) => {
    const store = await stores[name]!();
    const proxy = await startCuttingProxy(store.port, cuts, kind === 'pulled' ? 3 * MIB : 4 * 1024);
    try {
      const { result, files, outside } = await pullOnce(store.uri, {
        env: store.env(proxy.host),
        forked: true,
      });
      expect(result).toMatchObject(
        kind === 'pulled' ? { kind } : { kind, reason: 'SourceUnavailable', retry: 'soon' },
      );
      expect(files.get('weights.bin')?.equals(weights)).toBe(kind === 'pulled' ? true : undefined);
      expect(proxy.cuts()).toBeGreaterThanOrEqual(2);
      expect(outside).toEqual([]);
    } finally {
      await proxy.stop();
      await store.stop();
    }
  });
});
