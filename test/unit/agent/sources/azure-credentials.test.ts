import { describe, expect, it } from '@jest/globals';
import { credentialFor } from '../../../../src/agent/sources/azure-credentials.ts';
import { parseAzureUri } from '../../../../src/agent/sources/azure-uri.ts';

describe('a token in the Secret', () => {
  const token = async (env: Record<string, string>): Promise<unknown> => {
    const credential = await credentialFor('models', env, undefined);
    if (!('getToken' in credential)) return credential.constructor.name;
    return credential.getToken('https://storage.azure.com/.default');
  };

  it('is used until it expires', async () => {
    const env = { AZURE_ACCESS_TOKEN: 'given\n', AZURE_ACCESS_EXPIRES_ON_SECONDS: '1800000000' };
    expect(await token(env)).toEqual({ token: 'given', expiresOnTimestamp: 1_800_000_000_000 });
  });

  it('takes precedence over a service principal, but not over an account key, as in KServe', async () => {
    const principal = { AZURE_CLIENT_ID: 'a', AZURE_TENANT_ID: 'b', AZURE_CLIENT_SECRET: 'c' };
    expect(await token({ ...principal, AZURE_ACCESS_TOKEN: 'given' })).toMatchObject({ token: 'given' });
    const key = { AZURE_STORAGE_ACCESS_KEY: 'a2V5', AZURE_ACCESS_TOKEN: 'given' };
    expect(await token(key)).toBe('StorageSharedKeyCredential');
  });

  it('is rejected with an invalid expiry', async () => {
    const env = { AZURE_ACCESS_TOKEN: 'given', AZURE_ACCESS_EXPIRES_ON_SECONDS: 'tomorrow' };
    await expect(token(env)).rejects.toThrow('AZURE_ACCESS_EXPIRES_ON_SECONDS');
  });
});

describe('the service URL of an account', () => {
  const uri = 'https://models.blob.core.windows.net/c/m1';
  it.each([
    ['its own', {}, 'https://models.blob.core.windows.net'],
    ['another', { AZURE_SERVICE_URL: 'https://private.example/models/' }, 'https://private.example/models'],
    [
      'not that of another account',
      { AZURE_SERVICE_URL: 'https://others.blob.core.windows.net/' },
      'https://models.blob.core.windows.net',
    ],
    [
      'the one set by the operator',
      { AZURE_SERVICE_URL: 'https://a.example', AZURE_STORAGE_SERVICE_ENDPOINT: 'https://b.example' },
      'https://b.example',
    ],
  ])('%s', (_, env, serviceUrl) => {
    expect(parseAzureUri(uri, env)).toMatchObject({ serviceUrl, account: 'models', prefix: 'm1' });
  });
});
