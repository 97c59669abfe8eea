import type { TokenCredential } from '@azure/identity';
import { AnonymousCredential, StorageSharedKeyCredential } from '@azure/storage-blob';
import type { Environment } from './source.ts';

export type AzureCredential = AnonymousCredential | StorageSharedKeyCredential | TokenCredential;

/**
 * Picks by what KServe's webhook injects: an account key, else a service principal (AZ_* or AZURE_*), else workload
 * identity, else a managed identity by its client id, else anonymous, which public containers allow.
 * Source: KServe v0.17, pkg/credentials/azure.
 */
export async function credentialFor(account: string, env: Environment): Promise<AzureCredential> {
  const key = read(env, 'STORAGE_ACCESS_KEY');
  if (key !== undefined) return new StorageSharedKeyCredential(account, key);
  const clientId = read(env, 'CLIENT_ID');
  const tenantId = read(env, 'TENANT_ID');
  const clientSecret = read(env, 'CLIENT_SECRET');
  const tokenFile = read(env, 'FEDERATED_TOKEN_FILE');
  if (clientId === undefined) return new AnonymousCredential();
  // Costs some 20 MiB, so only those who need it load it.
  const identity = await import('@azure/identity');
  if (tenantId !== undefined && clientSecret !== undefined) {
    return new identity.ClientSecretCredential(tenantId, clientId, clientSecret);
  }
  if (tenantId !== undefined && tokenFile !== undefined) {
    return new identity.WorkloadIdentityCredential({ tenantId, clientId, tokenFilePath: tokenFile });
  }
  return new identity.ManagedIdentityCredential({ clientId });
}

function read(env: Environment, name: string): string | undefined {
  return [env[`AZURE_${name}`], env[`AZ_${name}`]].find((value) => value !== undefined && value !== '');
}
