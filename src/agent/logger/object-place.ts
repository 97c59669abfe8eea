/** Where in an object store records are written. */
export interface ObjectPlace {
  readonly store: 's3' | 'gs' | 'azure';
  /** The bucket, or Azure's container. */
  readonly bucket: string;
  /** Azure's account host, `account.dfs.core.windows.net`; empty for the others. */
  readonly host: string;
  /** The prefix of every key, from --log-url. */
  readonly prefix: string;
  /** --log-store-path. */
  readonly storePath: string;
}

const STORES = [
  ['s3', 's3'],
  ['gs', 'gs'],
  ['abfs', 'azure'],
] as const;

/**
 * The place that a URL of an object store names. Undefined if it names none. Azure's URLs are
 * `abfs://container@account.dfs.core.windows.net/path`. Source: KServe v0.17, pkg/logger/store.go.
 */
export function objectPlace(logUrl: string, storePath: string): ObjectPlace | undefined {
  const store = STORES.find(([scheme]) => logUrl.startsWith(scheme))?.[1];
  const parts = /^[a-z0-9]+:\/\/(?:([^@/?#]*)@)?([^/?#]*)\/?([^?#]*)/.exec(logUrl);
  if (store === undefined || parts === null) return undefined;
  const [, user, host = '', prefix = ''] = parts;
  const bucket = user ?? host;
  return bucket === ''
    ? undefined
    : { store, bucket, host: user === undefined ? '' : host, prefix, storePath };
}

/** Writes objects to one bucket. */
export interface ObjectUpload {
  /** @throws what the store's client throws */
  put(key: string, data: Buffer, signal: AbortSignal): Promise<void>;
  close(): void;
}
