import type { Milliseconds } from '../lib/clock.ts';
import type { KubernetesObject } from '../contract/kubernetes.ts';
import type { ApiClient, ListQuery, ObjectList } from './api-client.ts';
import type { CallOptions } from './transport.ts';
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
  /** Parses a page; see {@link CallOptions}. */
  readonly decode?: CallOptions['decode'];
}

interface Snapshot<T extends KubernetesObject> {
  readonly objects: readonly T[];
  /** Where a watch takes over from this list. */
  readonly resourceVersion: string;
}

/**
 * A page that is longer is asked for again with fewer objects: reading it would hold up everything else, and tenants may make
 * hundreds of objects that are as large as etcd lets them be. Pages of usual objects are half as long.
 */
const PAGE_BYTES = 8 * 1024 ** 2;
/**
 * Of a page of one object, which cannot be made shorter: a list that ends at it would never be complete. etcd takes 1.5 MiB, in
 * which a byte may be `<`, that the API server writes as the six of `\u003c`; 3 MiB where etcd is told to take more.
 */
const ONE_OBJECT_BYTES = 24 * 1024 ** 2;
/** Of a list in one piece. One that is longer fails, and is tried in pages again. */
const WHOLE_BYTES = 64 * 1024 ** 2;
/** How many fewer, and how many more at the next page when it was short enough. */
const FEWER = 4;
const MORE = 2;

/**
 * Every object of a kind as of one moment, by a quorum read, in pages. The snapshot behind the pages expires after some five
 * minutes (etcd compaction); the list then starts again in one piece, which cannot expire.
 *
 * @throws {ApiError} as the client does, and API_BAD_RESPONSE for an answer that is no usable list
 */
export async function listAll<T extends KubernetesObject>(options: ListAllOptions<T>): Promise<Snapshot<T>> {
  try {
    return await listPages(options);
  } catch (error) {
    if (!isApiError(error, 'API_GONE')) throw error;
    const { client, resource, query, timeout, signal, decode } = options;
    const how = { timeout, signal, maxBytes: WHOLE_BYTES, ...(decode && { decode }) };
    const whole = await client.list(resource, query, how);
    return { objects: shaped(options, whole), resourceVersion: versionOf(options.resource, whole) };
  }
}

async function listPages<T extends KubernetesObject>(options: ListAllOptions<T>): Promise<Snapshot<T>> {
  const objects: T[] = [];
  let wanted = options.pageSize;
  let token: string | undefined;
  for (;;) {
    const { page, limit } = await readPage(options, wanted, token);
    for (const object of shaped(options, page)) objects.push(object);
    wanted = Math.min(options.pageSize, limit * MORE);
    token = page.metadata.continue === '' ? undefined : page.metadata.continue;
    if (token === undefined) return { objects, resourceVersion: versionOf(options.resource, page) };
  }
}

/** A page with as many objects as wanted, or with fewer when these are large. */
async function readPage<T extends KubernetesObject>(
  { client, resource, query, timeout, signal, decode }: ListAllOptions<T>,
  wanted: number,
  token: string | undefined,
): Promise<{ readonly page: ObjectList<T>; readonly limit: number }> {
  const how = decode && { decode };
  for (let limit = wanted; ; limit = Math.max(1, Math.floor(limit / FEWER))) {
    const asked = { ...query, limit, ...(token !== undefined && { continue: token }) };
    try {
      const maxBytes = limit === 1 ? ONE_OBJECT_BYTES : PAGE_BYTES;
      return { page: await client.list(resource, asked, { timeout, signal, maxBytes, ...how }), limit };
    } catch (error) {
      if (limit === 1 || !isApiError(error, 'API_ANSWER_TOO_LONG')) throw error;
    }
  }
}

function shaped<T extends KubernetesObject>(
  { resource, shape }: ListAllOptions<T>,
  page: ObjectList<T>,
): readonly T[] {
  return page.items.map((item) => shape(completed(resource, item)));
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
