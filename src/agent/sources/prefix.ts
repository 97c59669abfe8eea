import { NotFoundError } from './errors.ts';
import { shownUri } from './redact.ts';
import { baseName, keyBelow } from './relative-path.ts';
import type { RemoteFile } from './source.ts';

/** One object of a store without directories. */
export interface StoredObject {
  readonly key: string;
  readonly size: number | undefined;
}

export interface PrefixListing<T extends StoredObject> {
  readonly uri: string;
  /** What the storageUri names below its bucket; with or without a `/` at the end. */
  readonly prefix: string;
  /** All objects whose key starts with the text, in key order. */
  readonly list: (startsWith: string) => AsyncIterable<T>;
  readonly open: (object: T) => RemoteFile['open'];
}

/**
 * The model a prefix names: every object below `prefix/` with its relative path, else the one object that is exactly
 * `prefix`. `m1` never takes in `m10/…`. Keys that end in `/` are markers of empty directories and bring nothing.
 * @throws NotFoundError while iterating, when there is neither.
 */
export async function* filesBelow<T extends StoredObject>(
  listing: PrefixListing<T>,
): AsyncGenerator<RemoteFile> {
  const { uri, prefix, list, open } = listing;
  const directory = prefix === '' || prefix.endsWith('/') ? prefix : `${prefix}/`;
  let found = false;
  for await (const object of list(directory)) {
    const path = keyBelow(object.key, directory);
    if (path === undefined || path.endsWith('/')) continue;
    found = true;
    yield { path, size: object.size, open: open(object) };
  }
  if (found) return;
  if (directory !== prefix) {
    for await (const object of list(prefix)) {
      if (object.key !== prefix) break;
      yield { path: baseName(prefix), size: object.size, open: open(object) };
      return;
    }
  }
  throw new NotFoundError(
    `${shownUri(uri)}: nothing is stored there. Check the bucket and the path in storageUri.`,
  );
}

/** The bucket (host) and path of `scheme://bucket/path`, taken as written: no decoding, no normalising. */
export function bucketAndPrefix(uri: string): { bucket: string; prefix: string } | undefined {
  const [, bucket, prefix = ''] = /^[a-z0-9]+:\/\/([^/]+)(?:\/+([^]*))?$/i.exec(uri) ?? [];
  return bucket === undefined || !/^[\w.-]{1,255}$/.test(bucket) ? undefined : { bucket, prefix };
}
