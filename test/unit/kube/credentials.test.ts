import { describe, expect, it } from '@jest/globals';
import { KubeConfig } from '@kubernetes/client-node';
import { createCredentials } from '../../../src/kube/credentials.ts';

function credentialsFor(server: string, skipTLSVerify = false): ReturnType<typeof createCredentials> {
  const kubeConfig = new KubeConfig();
  kubeConfig.loadFromClusterAndUser({ name: 'mine', server, skipTLSVerify }, { name: 'me' });
  return createCredentials(kubeConfig);
}

describe('the server of a kubeconfig', () => {
  it.each([
    ['http://127.0.0.1:8001', /"http:\/\/127\.0\.0\.1:8001", is not encrypted: write https:\/\//],
    ['127.0.0.1:6443', /is not an https:\/\/ URL/],
    ['localhost:6443', /is not an https:\/\/ URL/],
    ['ftp://host', /is not an https:\/\/ URL/],
    ['', /is not an https:\/\/ URL/],
  ])('rejects %j with the reason and does not mention credentials', async (server, words) => {
    const thrown: unknown = await credentialsFor(server)
      .prepare('/version')
      .catch((error: unknown) => error);
    expect(thrown).toMatchObject({ code: 'API_UNREACHABLE', message: expect.stringMatching(words) });
    expect((thrown as Error).message).not.toMatch(/credentials/);
  });

  it.each([
    ['https://127.0.0.1:6443', false],
    ['http://127.0.0.1:8001', true],
  ])('accepts %s with insecure-skip-tls-verify: %j', async (server, skip) => {
    const credentials = credentialsFor(server, skip);
    expect((await credentials.prepare('/version')).url.href).toBe(`${server}/version`);
    await credentials.close();
  });
});
