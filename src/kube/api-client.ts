import type { KubeConfig } from '@kubernetes/client-node';
import { seconds, type Clock, type Milliseconds } from '../lib/clock.ts';
import type { KubernetesObject } from '../contract/kubernetes.ts';
import { ApiError } from './api-error.ts';
import { createCredentials } from './credentials.ts';
import { createLiveness, PROBE, type Liveness, type ProbeTiming } from './liveness.ts';
import { podLogs, type PodLogs } from './pod-log.ts';
import { podProxy, type PodProxy } from './pod-proxy.ts';
import { serverVersions, type ServerVersions } from './server-version.ts';
import { createTransport, type CallOptions, type RequestObserver, type Transport } from './transport.ts';
import {
  apiVersionOf,
  collectionPath,
  InvalidNameError,
  objectPath,
  type ObjectReference,
  type Resource,
} from './resources.ts';

export interface ApiClientOptions {
  readonly clock: Clock;
  /** Sent as User-Agent, so that audit logs show the client: `kserve-mms/0.1.0`. */
  readonly userAgent: string;
  /** The time limit of one request unless the call gives another; 30 s. A watch has no such limit. */
  readonly timeout?: Milliseconds;
  /** When to check a silent connection; see {@link PROBE}. */
  readonly probe?: ProbeTiming;
  /** Called with each finished request. Must not throw. */
  readonly observe?: RequestObserver;
  /**
   * Called with each warning of the API server (its header `Warning`), also those of admission webhooks. Must not
   * throw.
   */
  readonly warn?: (warning: string) => void;
}

interface WriteOptions extends CallOptions {
  /** The owner of the changed fields. Also the identity that server-side apply compares. */
  readonly fieldManager?: string;
  /** Run admission and validation, store nothing. */
  readonly dryRun?: boolean;
  /** `status`, for kinds that have the subresource. */
  readonly subresource?: 'status';
}

interface DeleteOptions extends CallOptions {
  /** Delete only this very object, in this very state. Otherwise the call fails with API_CONFLICT. */
  readonly preconditions?: { readonly uid?: string; readonly resourceVersion?: string };
  readonly propagationPolicy?: 'Orphan' | 'Background' | 'Foreground';
  /** How long a pod has to end. 0: it is removed at once, without waiting for its kubelet. */
  readonly gracePeriodSeconds?: number;
}

export interface ListQuery {
  /** Absent: every namespace. */
  readonly namespace?: string;
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
  /** Objects a page. The answer has `metadata.continue` if there are more. */
  readonly limit?: number;
  readonly continue?: string;
  /** Absent: the most recent state, by a quorum read. */
  readonly resourceVersion?: string;
}

export interface WatchQuery {
  readonly namespace?: string;
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
  readonly resourceVersion: string;
  /** The server ends the watch after this time. */
  readonly timeoutSeconds: number;
}

export interface ObjectList<T extends KubernetesObject> {
  readonly metadata: { readonly resourceVersion?: string; readonly continue?: string };
  readonly items: readonly T[];
}

export type Patch =
  /** RFC 7386. */
  | { readonly type: 'merge'; readonly body: object }
  /** RFC 6902. */
  | { readonly type: 'json'; readonly body: readonly object[] }
  /** Server-side apply: `body` holds only the fields of this manager. `force` takes over fields of other managers. */
  | { readonly type: 'apply'; readonly body: object; readonly fieldManager: string; readonly force: boolean };

/**
 * A thin JSON client of the API server. Each call makes one request and rejects with an `ApiError`, or with an
 * `InvalidNameError` for a name that is invalid in a path. The caller retries.
 */
export interface ApiClient extends PodProxy, PodLogs, ServerVersions {
  get<T extends KubernetesObject>(
    resource: Resource<T>,
    reference: ObjectReference,
    options?: CallOptions,
  ): Promise<T>;
  /** One page; see `ListQuery.limit`. Fails with API_BAD_RESPONSE when the answer has no `items`. */
  list<T extends KubernetesObject>(
    resource: Resource<T>,
    query?: ListQuery,
    options?: CallOptions,
  ): Promise<ObjectList<T>>;
  create<T extends KubernetesObject>(resource: Resource<T>, object: T, options?: WriteOptions): Promise<T>;
  /** PUT: fails with API_CONFLICT if `metadata.resourceVersion` is given and not the current one. */
  replace<T extends KubernetesObject>(resource: Resource<T>, object: T, options?: WriteOptions): Promise<T>;
  patch<T extends KubernetesObject>(
    resource: Resource<T>,
    reference: ObjectReference,
    patch: Patch,
    options?: WriteOptions,
  ): Promise<T>;
  delete(resource: Resource, reference: ObjectReference, options?: DeleteOptions): Promise<void>;
  /**
   * The raw bytes of one watch: one JSON object a line. The promise resolves once the server has answered. The bytes
   * end when the server closes the watch, and throw an `ApiError` if the connection breaks. Aborting the signal frees
   * the connection.
   */
  watch(resource: Resource, query: WatchQuery, signal: AbortSignal): Promise<AsyncIterable<Uint8Array>>;
  /** Whether its connections are still alive. */
  readonly liveness: Liveness;
  /** Drops every connection. Running requests fail. */
  close(): Promise<void>;
}

const DEFAULT_TIMEOUT = seconds(30);

const PATCH_CONTENT_TYPES: Readonly<Record<Patch['type'], string>> = {
  merge: 'application/merge-patch+json',
  json: 'application/json-patch+json',
  // JSON is YAML, and this is the API server's only type for apply: meta/v1, types.go, ApplyYAMLPatchType.
  apply: 'application/apply-patch+yaml',
};

/** A client with the identity of the kubeconfig's current context. */
export function createApiClient(kubeConfig: KubeConfig, options: ApiClientOptions): ApiClient {
  const credentials = createCredentials(kubeConfig);
  const liveness = createLiveness(options.clock, options.probe ?? PROBE, (timeout) =>
    client.serverVersion({ timeout }),
  );
  const transport = createTransport({
    credentials,
    clock: options.clock,
    userAgent: options.userAgent,
    timeout: options.timeout ?? DEFAULT_TIMEOUT,
    observe: options.observe ?? (() => undefined),
    unanswered: liveness.doubt,
    warn: options.warn ?? (() => undefined),
  });
  const client: ApiClient = {
    liveness,
    ...readCalls(transport),
    ...writeCalls(transport),
    ...podLogs(transport),
    ...podProxy(transport),
    ...serverVersions(transport),
    close: () => credentials.close(),
  };
  return client;
}

function readCalls(transport: Transport): Pick<ApiClient, 'get' | 'list' | 'watch'> {
  return {
    async get<T extends KubernetesObject>(
      resource: Resource<T>,
      reference: ObjectReference,
      options?: CallOptions,
    ) {
      const path = objectPath(resource, reference);
      return (await transport.json({ verb: 'get', method: 'GET', resource, path, ...options })) as T;
    },
    async list<T extends KubernetesObject>(
      resource: Resource<T>,
      query: ListQuery = {},
      options?: CallOptions,
    ) {
      const { namespace, ...rest } = query;
      const path = collectionPath(resource, namespace) + queryString(rest);
      const answer = await transport.json({ verb: 'list', method: 'GET', resource, path, ...options });
      if (isObjectList<T>(answer)) return answer;
      throw new ApiError(`list ${path}: the answer has no items, so it does not show what exists`, {
        code: 'API_BAD_RESPONSE',
      });
    },
    async watch(resource, query, signal) {
      const { namespace, ...rest } = query;
      const path =
        collectionPath(resource, namespace) +
        queryString({ ...rest, watch: true, allowWatchBookmarks: true });
      return transport.stream({ verb: 'watch', method: 'GET', resource, path, signal });
    },
  };
}

function writeCalls(transport: Transport): Pick<ApiClient, 'create' | 'replace' | 'patch' | 'delete'> {
  return {
    async create<T extends KubernetesObject>(resource: Resource<T>, object: T, options?: WriteOptions) {
      const path = createPath(resource, object) + writeQuery(options);
      const body = typed(resource, object);
      return (await transport.json({
        verb: 'create',
        method: 'POST',
        resource,
        path,
        body,
        ...options,
      })) as T;
    },
    async replace<T extends KubernetesObject>(resource: Resource<T>, object: T, options?: WriteOptions) {
      const path = objectPath(resource, object.metadata, options?.subresource) + writeQuery(options);
      const body = typed(resource, object);
      return (await transport.json({
        verb: 'update',
        method: 'PUT',
        resource,
        path,
        body,
        ...options,
      })) as T;
    },
    async patch<T extends KubernetesObject>(
      resource: Resource<T>,
      reference: ObjectReference,
      patch: Patch,
      options?: WriteOptions,
    ) {
      const query =
        patch.type === 'apply'
          ? writeQuery({ ...options, fieldManager: patch.fieldManager }, patch.force)
          : writeQuery(options);
      const path = objectPath(resource, reference, options?.subresource) + query;
      const body = patch.type === 'apply' ? typed(resource, patch.body) : patch.body;
      const contentType = PATCH_CONTENT_TYPES[patch.type];
      const request = { verb: 'patch', method: 'PATCH', resource, path, body, contentType } as const;
      return (await transport.json({ ...request, ...options })) as T;
    },
    async delete(resource, reference, options = {}) {
      const { preconditions, propagationPolicy, gracePeriodSeconds, ...call } = options;
      const body = {
        apiVersion: 'v1',
        kind: 'DeleteOptions',
        ...(preconditions && { preconditions }),
        ...(propagationPolicy && { propagationPolicy }),
        ...(gracePeriodSeconds !== undefined && { gracePeriodSeconds }),
      };
      const path = objectPath(resource, reference);
      await transport.json({ verb: 'delete', method: 'DELETE', resource, path, body, ...call });
    },
  };
}

function createPath(resource: Resource, object: KubernetesObject): string {
  const { namespace, name } = object.metadata;
  if (resource.namespaced && namespace === undefined) {
    throw new InvalidNameError(`${resource.kind} ${JSON.stringify(name)} needs a namespace`);
  }
  return collectionPath(resource, namespace);
}

/** Items of a list lack apiVersion and kind, and the API server requires both in requests. */
function typed(resource: Resource, object: object): object {
  return { apiVersion: apiVersionOf(resource), kind: resource.kind, ...object };
}

function writeQuery(options: WriteOptions | undefined, force?: boolean): string {
  return queryString({
    fieldManager: options?.fieldManager,
    dryRun: options?.dryRun === true ? 'All' : undefined,
    force: force === true ? true : undefined,
  });
}

function queryString(parameters: Readonly<Record<string, string | number | boolean | undefined>>): string {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters)) {
    if (value !== undefined) search.set(name, String(value));
  }
  return search.size === 0 ? '' : `?${search.toString()}`;
}

function isObjectList<T extends KubernetesObject>(answer: unknown): answer is ObjectList<T> {
  if (typeof answer !== 'object' || answer === null) return false;
  const { items, metadata } = answer as { items?: unknown; metadata?: unknown };
  return Array.isArray(items) && typeof metadata === 'object' && metadata !== null;
}
