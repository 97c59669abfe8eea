import type { KubernetesObject } from '../contract/kubernetes.ts';
import type { ApiClient } from './api-client.ts';
import type { CallOptions } from './transport.ts';
import { isApiError } from './api-error.ts';
import type { ObjectReference, Resource } from './resources.ts';

/** One GET. Undefined if the object does not exist. Every other failure is thrown. */
export async function getIfThere<T extends KubernetesObject>(
  client: ApiClient,
  resource: Resource<T>,
  reference: ObjectReference,
  options?: CallOptions,
): Promise<T | undefined> {
  try {
    return await client.get(resource, reference, options);
  } catch (thrown) {
    if (isApiError(thrown, 'API_NOT_FOUND')) return undefined;
    throw thrown;
  }
}
