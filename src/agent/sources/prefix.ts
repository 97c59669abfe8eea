import { LimitExceededError, NotFoundError, SourceUnavailableError } from './errors.ts';
import { shownUri } from './redact.ts';
import { baseName, checkRelativePath, keyBelow } from './relative-path.ts';
import type { RemoteFile } from './source.ts';

/** One object of a store without directories. */
export interface StoredObject {
  readonly key: string;
  readonly size: number | undefined;
  /** The store marks it as a directory. */
  readonly directory?: boolean;
  readonly decode?: RemoteFile['decode'];
}

interface PrefixListing<T extends StoredObject> {
  readonly uri: string;
  /** The path in the storageUri below its bucket, with or without a trailing `/`. */
  readonly prefix: string;
  /** All objects whose key starts with the text, in key order. */
  readonly list: (startsWith: string) => AsyncIterable<T>;
  readonly open: (object: T) => RemoteFile['open'];
}

/** One page of a store's listing. */
export interface ListedPage<T> {
  readonly objects: readonly T[];
  /** The token of the next page; undefined on the last. */
  readonly next: string | undefined;
}

/**
 * Hadoop's older connectors, as on EMR, mark the directory `1` with an empty object `1_$folder$`.
 * Source: repost.aws/knowledge-center/emr-s3-empty-files
 */
const FOLDER_MARK = '_$folder$';

/** Stores may send empty pages in between, as GCS does after many deletions, but not endlessly. */
const EMPTY_PAGES_IN_A_ROW = 1_000;

/**
 * All objects of a paged listing. A listing that may be incomplete is refused: it would give a part of the model.
 * @param fetchPage gets undefined for the first page, then the `next` of the page before
 * @throws SourceUnavailableError when the pages repeat, or too many in a row are empty
 */
export async function* eachListed<T extends StoredObject>(
  startsWith: string,
  fetchPage: (token: string | undefined) => Promise<ListedPage<T>>,
): AsyncGenerator<T> {
  const tokens = new Set<string>();
  let empty = 0;
  let last: string | undefined;
  for (let token: string | undefined; ;) {
    const { objects, next } = await fetchPage(token);
    const wanted = objects.filter(({ key }) => key.startsWith(startsWith));
    const first = wanted[0]?.key;
    // Checked before the page is yielded: its files would be duplicates of earlier ones.
    if ((next !== undefined && tokens.has(next)) || (first !== undefined && first === last)) {
      throw badListing('its pages repeat');
    }
    yield* wanted;
    if (next === undefined) return;
    empty = first === undefined ? empty + 1 : 0;
    if (empty > EMPTY_PAGES_IN_A_ROW) throw badListing(`${empty} pages in a row hold nothing`);
    last = first ?? last;
    tokens.add(next);
    token = next;
  }
}

/** The error for a listing that may be incomplete. */
export function badListing(because: string, cause?: unknown): SourceUnavailableError {
  return new SourceUnavailableError(
    `the store's listing does not come to its end: ${because}, so the model may not be whole. ` +
      'It is fetched again later. If it stays, check the store, or the gateway in front of it.',
    { cause },
  );
}

/**
 * The model that a prefix names: every object below `prefix/` with its relative path, else the one object that is
 * exactly `prefix`. `m1` never includes `m10/…`. Keys that end in `/` mark directories, and so do Hadoop's empty
 * objects. A `//` in a key counts as one `/`, as in KServe's agent. `s3://bucket//m1` is the key `/m1`, or `m1` if that
 * does not exist.
 * @throws NotFoundError while iterating, when neither exists.
 */
export async function* filesBelow<T extends StoredObject>(
  listing: PrefixListing<T>,
): AsyncGenerator<RemoteFile> {
  const { uri, prefix } = listing;
  for (const spelling of new Set([prefix, prefix.replace(/^\/+/, '')])) {
    let found = false;
    for await (const file of filesOf(listing, spelling)) {
      found ||= file.directory !== true;
      yield file;
    }
    if (found) return;
  }
  throw new NotFoundError(
    `${shownUri(uri)}: nothing is stored there. Check the bucket and the path in storageUri.`,
  );
}

async function* filesOf<T extends StoredObject>(
  { list, open }: PrefixListing<T>,
  prefix: string,
): AsyncGenerator<RemoteFile> {
  const directory = prefix === '' || prefix.endsWith('/') ? prefix : `${prefix}/`;
  const empty = emptyObjects<T>();
  let found = false;
  const fileOf = (object: T, path: string): RemoteFile => ({
    ...{ path, size: object.size, open: open(object) },
    ...(object.decode && { decode: object.decode }),
  });
  for await (const object of list(directory)) {
    const path = keyBelow(object.key, directory)?.replace(/^\/+/, '') ?? '';
    if (path === '') continue;
    const marked = markedBy(object, path);
    if (marked === undefined) {
      found = true;
      empty.passed(path);
      if (object.size === 0) empty.hold(path, object);
      else yield fileOf(object, path);
      // A marker has no content, so one that cannot be a directory here is skipped.
    } else if (marked !== '' && checkRelativePath(marked).safe) {
      empty.passed(`${marked}/`);
      yield { path: marked, size: 0, directory: true, open: open(object) };
    }
  }
  for (const [path, object] of empty.files()) yield fileOf(object, path);
  if (found || directory === prefix) return;
  for await (const object of list(prefix)) {
    if (object.key !== prefix || isDirectory(object)) return;
    yield fileOf(object, baseName(prefix));
    return;
  }
}

/** The directory that an object marks; undefined if the object is a file. */
function markedBy(object: StoredObject, path: string): string | undefined {
  if (!isDirectory(object)) return undefined;
  return path.endsWith(FOLDER_MARK) ? path.slice(0, -FOLDER_MARK.length) : path;
}

/** As many as a model's files by default. */
const MOST_EMPTY = 100_000;

/**
 * Some tools (old s3fs, blobfuse, Azure's explorers) mark the directory `1` with an empty object `1` and nothing else.
 * Only the objects below it, which come later in the listing, show that it is a directory: empty objects wait until
 * then.
 */
function emptyObjects<T>(): {
  hold(path: string, object: T): void;
  /** Notes that an object exists at this path. */
  passed(path: string): void;
  /** Those that are files. */
  files(): Iterable<readonly [string, T]>;
} {
  const held = new Map<string, T>();
  return {
    hold: (path, object) => {
      held.set(path, object);
      if (held.size > MOST_EMPTY)
        throw new LimitExceededError(`more than ${MOST_EMPTY} empty objects are stored below the storageUri`);
    },
    passed: (path) => {
      if (held.size === 0) return;
      for (let at = path.indexOf('/'); at !== -1; at = path.indexOf('/', at + 1))
        held.delete(path.slice(0, at));
    },
    files: () => held,
  };
}

function isDirectory({ key, size, directory }: StoredObject): boolean {
  return directory === true || key.endsWith('/') || (size === 0 && key.endsWith(FOLDER_MARK));
}

/** The bucket (host) and path of `scheme://bucket/path` as written: not decoded, not normalised. */
export function bucketAndPrefix(uri: string): { bucket: string; prefix: string } | undefined {
  const [, bucket, prefix = ''] = /^[a-z0-9]+:\/\/([^/]+)(?:\/([^]*))?$/i.exec(uri) ?? [];
  return bucket === undefined || !/^[\w.-]{1,255}$/.test(bucket) ? undefined : { bucket, prefix };
}
