import type { ApiClient } from '../kube/api-client.ts';
import { isApiError } from '../kube/api-error.ts';
import { getIfThere } from '../kube/get-if-there.ts';
import { SECRETS } from '../kube/resources.ts';
import { StaleWriteError } from './certificate-stores.ts';
import type { SecretStore } from './certificate-stores.ts';

/** The Secret with the webhook's certificate, in the cluster. */
export function certificateSecretStore(
  client: ApiClient,
  reference: { readonly namespace: string; readonly name: string },
): SecretStore {
  return {
    read: () => getIfThere(client, SECRETS, reference),
    async write(secret) {
      try {
        if (secret.metadata.resourceVersion === undefined) await client.create(SECRETS, secret);
        else await client.replace(SECRETS, secret);
      } catch (thrown) {
        // Not found: it was deleted between our read and our write, which counts as any other change.
        if (!isApiError(thrown, 'API_ALREADY_EXISTS', 'API_CONFLICT', 'API_NOT_FOUND')) throw thrown;
        throw new StaleWriteError('the certificate Secret was changed meanwhile', { cause: thrown });
      }
    },
  };
}
