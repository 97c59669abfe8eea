import type { ClientSecretCredentialOptions as CredentialOptions, TokenCredential } from '@azure/identity';
import { AnonymousCredential, StorageSharedKeyCredential } from '@azure/storage-blob';
import { PullError, SourceConfigurationError } from './errors.ts';
import type { ProxyRouter } from './proxy/proxy-types.ts';
import type { Environment } from './environment.ts';

type Policy = NonNullable<CredentialOptions['additionalPolicies']>[number]['policy'];

type AzureCredential = AnonymousCredential | StorageSharedKeyCredential | TokenCredential;

/**
 * Picks by what KServe's webhook injects: an account key, else a token, else a service principal (AZ_* or AZURE_*), else
 * workload identity, else a managed identity by its client id, else anonymous, which public containers allow.
 * Source: KServe v0.17, pkg/credentials/azure and pkg/agent/storage/utils.go.
 * @throws SourceConfigurationError when AZURE_ACCESS_EXPIRES_ON_SECONDS is not a number
 */
export async function credentialFor(
  account: string,
  env: Environment,
  proxies: ProxyRouter | undefined,
): Promise<AzureCredential> {
  const key = read(env, 'STORAGE_ACCESS_KEY');
  if (key !== undefined) return new StorageSharedKeyCredential(account, key);
  const token = read(env, 'ACCESS_TOKEN');
  if (token !== undefined) return givenToken(token, read(env, 'ACCESS_EXPIRES_ON_SECONDS'));
  const clientId = read(env, 'CLIENT_ID');
  const tenantId = read(env, 'TENANT_ID');
  const clientSecret = read(env, 'CLIENT_SECRET');
  const tokenFile = read(env, 'FEDERATED_TOKEN_FILE');
  if (clientId === undefined) return new AnonymousCredential();
  // The SDK costs some 20 MiB, so it is loaded on demand.
  const identity = await import('@azure/identity');
  if (tenantId !== undefined && clientSecret !== undefined) {
    return byProxies(
      (options) => new identity.ClientSecretCredential(tenantId, clientId, clientSecret, options),
      proxies,
    );
  }
  if (tenantId !== undefined && tokenFile !== undefined) {
    const workload = { tenantId, clientId, tokenFilePath: tokenFile };
    return byProxies(
      (options) => new identity.WorkloadIdentityCredential({ ...workload, ...options }),
      proxies,
    );
  }
  // Not through a proxy: the identity belongs to the node, and a proxy has its own.
  return new identity.ManagedIdentityCredential({ clientId });
}

/** A token requested outside the pod and renewed by replacing the pod. The store decides whether it is still valid. */
function givenToken(token: string, expiresOnSeconds: string | undefined): TokenCredential {
  const expiresOnTimestamp =
    expiresOnSeconds === undefined ? Number.MAX_SAFE_INTEGER : Number(expiresOnSeconds) * 1000;
  if (!Number.isFinite(expiresOnTimestamp)) {
    throw new SourceConfigurationError(
      'AZURE_ACCESS_EXPIRES_ON_SECONDS is not a number of seconds since 1970. Correct it in the Secret, or leave it out.',
    );
  }
  return { getToken: () => Promise.resolve({ token, expiresOnTimestamp }) };
}

/** A credential whose token requests go through the environment's proxies. */
function byProxies(
  create: (options: CredentialOptions) => TokenCredential,
  proxies: ProxyRouter | undefined,
): TokenCredential {
  if (proxies === undefined) return create({});
  let last: unknown;
  const policy: Policy = {
    name: 'byProxies',
    sendRequest: (request, next) =>
      proxies.send(request, next).catch((thrown: unknown) => {
        if (thrown instanceof PullError) last = thrown;
        throw thrown;
      }),
  };
  const credential = create({ additionalPolicies: [{ policy, position: 'perRetry' }] });
  return {
    getToken: async (scopes, options) => {
      last = undefined;
      // Azure's token library discards the cause of a failed request.
      return credential.getToken(scopes, options).catch((thrown: unknown) => {
        throw last ?? thrown;
      });
    },
  };
}

function read(env: Environment, name: string): string | undefined {
  return [env[`AZURE_${name}`]?.trim(), env[`AZ_${name}`]?.trim()].find(
    (value) => value !== undefined && value !== '',
  );
}
