import type { KubernetesObject } from '../contract/kubernetes.ts';
import type { ApiClient } from './api-client.ts';
import { isApiError } from './api-error.ts';
import type { ObjectReference, Resource } from './resources.ts';

/** Creates an object. False if one with that name exists. Every other failure is thrown. */
export async function createUnlessThere<T extends KubernetesObject>(
  client: Pick<ApiClient, 'create'>,
  resource: Resource<T>,
  object: T,
  options?: Parameters<ApiClient['create']>[2],
): Promise<boolean> {
  try {
    await client.create(resource, object, options);
    return true;
  } catch (thrown) {
    if (isApiError(thrown, 'API_ALREADY_EXISTS')) return false;
    throw thrown;
  }
}

/** Deletes an object. Success if it does not exist. Every other failure is thrown. */
export async function deleteIfThere(
  client: Pick<ApiClient, 'delete'>,
  resource: Resource,
  reference: ObjectReference,
  options?: Parameters<ApiClient['delete']>[2],
): Promise<void> {
  try {
    await client.delete(resource, reference, options);
  } catch (thrown) {
    if (!isApiError(thrown, 'API_NOT_FOUND')) throw thrown;
  }
}
