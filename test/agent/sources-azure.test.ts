import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ContainerSASPermissions } from '@azure/storage-blob';
import { startAzure } from '../support/azure.ts';
import type { TestAzure } from '../support/azure.ts';
import { pullOnce, texts } from '../support/pulling.ts';
import type { Pulled } from '../support/pulling.ts';

let azure: TestAzure;
const weights = randomBytes(6 * 1024 ** 2);

/** An account key under the name of Azure's tools, and the emulator's address instead of the account's. */
function injected(): Record<string, string> {
  return { AZURE_STORAGE_ACCESS_KEY: azure.key, AZURE_STORAGE_SERVICE_ENDPOINT: azure.endpoint };
}

function pull(path: string, env: Record<string, string> = injected()): Promise<Pulled> {
  return pullOnce(`https://devstoreaccount1.blob.core.windows.net/${path}`, { env });
}

beforeAll(async () => {
  azure = await startAzure();
  await azure.putBlob('models', 'm1', '', { hdi_isfolder: 'true' });
  await azure.putBlob('models', 'm1/1', '', { hdi_isfolder: 'true' });
  await azure.putBlob('models', 'm1/config.json', '{}');
  await azure.putBlob('models', 'm1/1/weights ü.bin', weights);
  await azure.putBlob('models', 'm10/other.bin', 'not of m1');
});
afterAll(() => azure.stop());

describe('a model in Azure Blob Storage', () => {
  it('downloads every blob below the prefix with its relative path, without directory markers', async () => {
    const pulled = await pull('models/m1');
    expect(pulled.result).toEqual({ kind: 'pulled', files: 2, bytes: weights.length + 2 });
    expect([...pulled.files.keys()].sort()).toEqual(['1/weights ü.bin', 'config.json']);
    expect(pulled.files.get('1/weights ü.bin')?.equals(weights)).toBe(true);
  });

  it.each(['hdi_isfolder', 'Hdi_isfolder', 'HDI_ISFOLDER'])(
    'treats an empty blob with %s as a directory, and keeps an empty directory',
    async (mark) => {
      const name = `marked-${mark}`;
      await azure.putBlob('models', name, '', { [mark]: 'True' });
      await azure.putBlob('models', `${name}/1`, '', { [mark]: 'true' });
      await azure.putBlob('models', `${name}/2`, '', { [mark]: 'true' });
      await azure.putBlob('models', `${name}/2/model.bin`, 'weights');
      const pulled = await pull(`models/${name}`);
      expect(texts(pulled)).toEqual({ '2/model.bin': 'weights' });
      expect([...pulled.modes.keys()].sort()).toEqual(['1', '2', '2/model.bin']);
    },
  );

  it('downloads from abfss:// URIs', async () => {
    const uri = 'abfss://models@devstoreaccount1.dfs.core.windows.net/m1/config.json';
    expect(texts(await pullOnce(uri, { env: injected() }))).toEqual({ 'config.json': '{}' });
  });

  it.each([
    ['valid', 600_000, { kind: 'pulled', files: 2 }],
    ['expired', -600_000, { kind: 'failed', reason: 'AccessDenied', retry: 'rarely' }],
  ])(
    'uses a %s shared access signature in the URI, and never writes it to a message',
    async (_, validMs, expected) => {
      const container = azure.client.getContainerClient('models');
      const expiresOn = new Date(Date.now() + validMs);
      const url = await container.generateSasUrl({
        permissions: ContainerSASPermissions.parse('rl'),
        expiresOn,
      });
      const { result } = await pull(`models/m1${new URL(url).search}`, {
        AZURE_STORAGE_SERVICE_ENDPOINT: azure.endpoint,
      });
      expect(result).toMatchObject(expected);
      expect(JSON.stringify(result)).not.toContain('sig=');
    },
  );

  it.each([
    ['an empty prefix', 'models/m', 'NotFound'],
    ['a missing container', 'nothing/m1', 'NotFound'],
    ['no container', '', 'InvalidUri'],
  ])('%s is refused permanently', async (_, path, reason) => {
    expect((await pull(path)).result).toMatchObject({ kind: 'failed', reason, retry: 'rarely' });
  });

  it('a wrong key is refused permanently', async () => {
    const env = {
      ...injected(),
      AZURE_STORAGE_ACCESS_KEY: Buffer.from('wrong-key-value').toString('base64'),
    };
    const { result } = await pull('models/m1', env);
    expect(result).toMatchObject({ kind: 'failed', reason: 'AccessDenied', retry: 'rarely' });
  });
});
