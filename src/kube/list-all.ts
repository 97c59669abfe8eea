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
  /** Applied to each object as its page arrives, so that dropped fields are never held for all of them. */
  readonly shape: (object: T) => T;
  /** Parses a page; see {@link CallOptions}. */
  readonly decode?: CallOptions['decode'];
}

interface Snapshot<T extends KubernetesObject> {
  readonly objects: readonly T[];
  /** The version from which a watch continues this list. */
  readonly resourceVersion: string;
}

/**
 * A longer page is requested again with fewer objects: parsing it would block everything else, and tenants may create
 * hundreds of objects of the largest size that etcd allows. Pages of usual objects are half as long.
 */
const PAGE_BYTES = 8 * 1024 ** 2;
/**
 * For a page of one object, which cannot be made shorter: without it the list would never be complete. etcd accepts 1.5
 * MiB, of which every byte may be a `<`, which the API server writes as the six bytes `\u003c`; 3 MiB if etcd is
 * configured for more.
 */
const ONE_OBJECT_BYTES = 24 * 1024 ** 2;
/** The limit of an unpaged list. A longer one fails, and is retried in pages. */
const WHOLE_BYTES = 64 * 1024 ** 2;
/** The factor for fewer objects, and for more at the next page once one was short enough. */
const FEWER = 4;
const MORE = 2;

/**
 * All objects of a kind at one moment, by a quorum read, in pages. The snapshot behind the pages expires after some
 * five minutes (etcd compaction). The list is then repeated without pages, and cannot expire.
 *
 * @throws {ApiError} as the client does, and API_BAD_RESPONSE for an answer that is not a usable list
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

/** A page of the wanted size, or with fewer objects if these are large. */
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

/** Items of built-in kinds come without apiVersion and kind, although a watch sends both. */
function completed<T extends KubernetesObject>(resource: Resource<T>, item: T): T {
  const name: unknown = (item as { metadata?: { name?: unknown } } | null)?.metadata?.name;
  if (typeof name !== 'string') {
    throw new ApiError(`list ${resource.plural}: an item has no metadata.name`, { code: 'API_BAD_RESPONSE' });
  }
  return item.kind === undefined
    ? { apiVersion: apiVersionOf(resource), kind: resource.kind, ...item }
    : item;
}
