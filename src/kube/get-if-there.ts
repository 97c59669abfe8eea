import type { KubernetesObject } from '../contract/kubernetes.ts';
import type { ApiClient, CallOptions } from './api-client.ts';
import { isApiError } from './api-error.ts';
import type { ObjectReference, Resource } from './resources.ts';

/** One GET; undefined when there is no such object. Not found is an answer, every other failure is thrown. */
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
