import type { Milliseconds } from '../lib/clock.ts';
import type { KubernetesObject } from '../contract/kubernetes.ts';
import type { ApiClient, ListQuery, ObjectList } from './api-client.ts';
import { ApiError, isApiError } from './api-error.ts';
import { apiVersionOf, type Resource } from './resources.ts';

interface ListAllOptions<T extends KubernetesObject> {
  readonly client: ApiClient;
  readonly resource: Resource<T>;
  readonly query: Pick<ListQuery, 'namespace' | 'labelSelector' | 'fieldSelector'>;
  readonly pageSize: number;
  /** For one page. */
  readonly timeout: Milliseconds;
  readonly signal: AbortSignal;
  /** Applied to each object as its page arrives, so that what it drops is never held for all of them. */
  readonly shape: (object: T) => T;
}

interface Snapshot<T extends KubernetesObject> {
  readonly objects: readonly T[];
  /** Where a watch takes over from this list. */
  readonly resourceVersion: string;
}

/**
 * Every object of a kind as of one moment, by a quorum read, in pages. The snapshot behind the pages expires after some five
 * minutes (etcd compaction); the list then starts again in one piece, which cannot expire.
 *
 * @throws {ApiError} as the client does, and API_BAD_RESPONSE for an answer that is no usable list
 */
export async function listAll<T extends KubernetesObject>(options: ListAllOptions<T>): Promise<Snapshot<T>> {
  try {
    return await listPages(options, options.pageSize);
  } catch (error) {
    if (!isApiError(error, 'API_GONE')) throw error;
    return listPages(options, undefined);
  }
}

async function listPages<T extends KubernetesObject>(
  options: ListAllOptions<T>,
  pageSize: number | undefined,
): Promise<Snapshot<T>> {
  const objects: T[] = [];
  let token: string | undefined;
  for (;;) {
    const query: ListQuery = {
      ...options.query,
      ...(pageSize !== undefined && { limit: pageSize }),
      ...(token !== undefined && { continue: token }),
    };
    const page = await options.client.list(options.resource, query, options);
    for (const item of page.items) objects.push(options.shape(completed(options.resource, item)));
    token = page.metadata.continue === '' ? undefined : page.metadata.continue;
    if (token === undefined) return { objects, resourceVersion: versionOf(options.resource, page) };
  }
}

function versionOf<T extends KubernetesObject>(resource: Resource<T>, page: ObjectList<T>): string {
  const version = page.metadata.resourceVersion;
  if (version !== undefined && version !== '') return version;
  throw new ApiError(`list ${resource.plural}: the answer has no resourceVersion to watch from`, {
    code: 'API_BAD_RESPONSE',
  });
}

/** Items of built-in kinds come without apiVersion and kind, though the same objects in a watch have both. */
function completed<T extends KubernetesObject>(resource: Resource<T>, item: T): T {
  const name: unknown = (item as { metadata?: { name?: unknown } } | null)?.metadata?.name;
  if (typeof name !== 'string') {
    throw new ApiError(`list ${resource.plural}: an item has no metadata.name`, { code: 'API_BAD_RESPONSE' });
  }
  return item.kind === undefined
    ? { apiVersion: apiVersionOf(resource), kind: resource.kind, ...item }
    : item;
}
