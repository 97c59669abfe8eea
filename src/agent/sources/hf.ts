import type { ExpectedDigest } from './digest.ts';
import { InvalidUriError, NotFoundError, RequestRefusedError, SourceUnavailableError } from './errors.ts';
import { expectSuccess, smallText } from './http-client.ts';
import type { HttpClient } from './http-client.ts';
import { openHttpFile } from './http-file.ts';
import { nonEmpty } from './non-empty.ts';
import { printable, shownUri } from './redact.ts';
import type { RemoteFile, Source, SourceContext } from './source.ts';

const PUBLIC_HUB = 'https://huggingface.co';

/** The hub's pages hold up to 1,000 files, and a model has at most 100,000: a list of more pages is endless. */
const MOST_PAGES = 10_000;
/** The number of entries on a page of the hub that is not the last. */
const FULL_PAGE = 1_000;

/** One entry of a repository's tree. Source: huggingface.co/docs/hub/api, `GET /api/models/{repo}/tree/{revision}`. */
interface TreeEntry {
  readonly type: string;
  readonly path: string;
  readonly size: number;
  /** The SHA-1 of the git blob. */
  readonly oid: string;
  /** `oid` is the SHA-256 of the content. */
  readonly lfs?: { readonly oid: string; readonly size: number } | null;
}

interface Hub {
  readonly http: HttpClient;
  readonly headersFor: (hop: URL) => Readonly<Record<string, string>>;
  readonly uri: string;
  readonly signal: AbortSignal;
}

/**
 * `hf://org/repo[:revision]` through the hub's HTTP API, at the commit the revision names when the pull begins.
 * HF_TOKEN goes to the hub (HF_ENDPOINT) only, not to the storage it redirects to.
 */
export function createHuggingFaceSource({ env, http }: SourceContext): Source {
  const endpoint = (nonEmpty(env['HF_ENDPOINT']) ?? PUBLIC_HUB).replace(/\/+$/, '');
  const token = nonEmpty(env['HF_TOKEN']) ?? nonEmpty(env['HUGGING_FACE_HUB_TOKEN']);
  const origin = new URL(endpoint).origin;
  const headersFor: Hub['headersFor'] = (hop) =>
    token !== undefined && hop.origin === origin ? { authorization: `Bearer ${token}` } : {};
  return {
    find: async (uri, signal) => {
      const { repo, revision } = parseHuggingFaceUri(uri);
      const hub: Hub = { http, headersFor, uri, signal };
      const api = `${endpoint}/api/models/${repo}`;
      const { value } = await getJson(hub, new URL(`${api}/revision/${encodeURIComponent(revision)}`));
      const commit = ((value ?? {}) as { sha?: unknown }).sha;
      if (typeof commit !== 'string' || !/^[0-9a-f]{40,64}$/.test(commit)) {
        throw new NotFoundError(`${shownUri(uri)}: the hub knows no commit for revision '${revision}'`);
      }
      const tree = new URL(`${api}/tree/${commit}?recursive=true`);
      return {
        files: filesOf(hub, tree, `${endpoint}/${repo}/resolve/${commit}`, siblingsIn(value)),
        version: commit,
      };
    },
    close: () => Promise.resolve(),
  };
}

/** The files in the answer for the revision. This second list shows whether the first is cut short. */
function siblingsIn(revision: unknown): Set<string> {
  const { siblings } = (revision ?? {}) as { siblings?: unknown };
  const names = (Array.isArray(siblings) ? siblings : []).map(
    (sibling) => ((sibling ?? {}) as { rfilename?: unknown }).rfilename,
  );
  return new Set(names.filter((name) => typeof name === 'string'));
}

async function* filesOf(
  hub: Hub,
  tree: URL,
  resolveUrl: string,
  missing: Set<string>,
): AsyncGenerator<RemoteFile> {
  let found = false;
  const isListedTwice = missing.size > 0;
  const seen = new Set<string>();
  for (let page: URL | undefined = tree; page !== undefined;) {
    if (seen.has(page.href)) throw shortList(hub, 'its pages lead in a circle');
    if (seen.size === MOST_PAGES) throw shortList(hub, `it has more than ${MOST_PAGES} pages`);
    seen.add(page.href);
    const { value, link } = await getJson(hub, page);
    if (!Array.isArray(value) || !value.every(isEntry))
      throw shortList(hub, 'one of its pages is not a list of files');
    for (const entry of value) {
      if (entry.type !== 'file') continue;
      found = true;
      missing.delete(entry.path);
      yield fileOf(hub, entry, resolveUrl);
    }
    // A full page of the hub has another after it. There is no other sign that a mirror dropped the link to the next
    // page.
    if (link === undefined && !isListedTwice && value.length > 0 && value.length % FULL_PAGE === 0)
      throw shortList(hub, `it ends after a full page of ${value.length} entries`);
    page = link === undefined ? undefined : nextPage(hub, tree, page, link);
  }
  const [first] = missing;
  if (found && first !== undefined) throw shortList(hub, `'${printable(first)}' is not in it`);
  if (!found) throw new NotFoundError(`${shownUri(hub.uri)}: the repository holds no files`);
}

function fileOf({ http, headersFor }: Hub, entry: TreeEntry, resolveUrl: string): RemoteFile {
  const url = new URL(`${resolveUrl}/${entry.path.split('/').map(encodeURIComponent).join('/')}`);
  const pointer = entry.lfs ?? undefined;
  const size = pointer?.size ?? entry.size;
  const digest: ExpectedDigest =
    pointer === undefined
      ? { algorithm: 'git-blob', hex: entry.oid }
      : { algorithm: 'sha256', hex: pointer.oid };
  const file = { http, url, headersFor, size, digests: [digest] };
  return {
    path: entry.path,
    size,
    // The commit in the URL pins the state, and the digest proves it.
    open: async (range, signal) => ({
      ...(await openHttpFile(file, { ...range, tag: undefined }, signal)),
      tag: digest.hex,
    }),
  };
}

function isEntry(value: unknown): value is TreeEntry {
  const { type, path, size, oid, lfs } = (value ?? {}) as Record<string, unknown>;
  if (type !== 'file') return typeof type === 'string';
  const pointer = (lfs ?? {}) as Record<string, unknown>;
  return (
    typeof path === 'string' &&
    Number.isSafeInteger(size) &&
    typeof oid === 'string' &&
    ((lfs ?? undefined) === undefined ||
      (typeof pointer['oid'] === 'string' && Number.isSafeInteger(pointer['size'])))
  );
}

/**
 * A mirror may pass on the hub's own link. It can have another host, scheme or port, a path outside the mirror's,
 * or the repository's new name after a rename. The page is requested from the mirror, where the list began: neither the
 * token nor the rest of the list may come from elsewhere.
 */
function nextPage(hub: Hub, tree: URL, page: URL, link: string): URL {
  const next = URL.canParse(link, page.href) ? new URL(link, page) : undefined;
  if (next === undefined) throw shortList(hub, 'its next page has no URL');
  const isOfTree = /\/api\/models\/[^/]+\/[^/]+\/tree\//.test(next.pathname);
  if (!isOfTree && next.origin === tree.origin) return next;
  if (!isOfTree) throw shortList(hub, 'its next page is on another host');
  const here = new URL(tree);
  here.search = next.search;
  return here;
}

function shortList({ uri }: Hub, because: string): SourceUnavailableError {
  return new SourceUnavailableError(
    `${shownUri(uri)}: the list of files is not whole: ${because}. Check that HF_ENDPOINT names a working mirror.`,
  );
}

const LINK = /<([^>]*)>((?:\s*;\s*[\w!#$&+.^`|~*-]+(?:\s*=\s*(?:"(?:[^"\\]|\\.)*"|[^\s;,"]+))?)*)/g;
const PARAMETER = /;\s*([\w!#$&+.^`|~*-]+)(?:\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s;,"]+)))?/g;

/** The target of `rel=next`. If a link has several `rel`, the first counts. Source: RFC 8288, 3. */
function nextLink(header: string): string | undefined {
  for (const [, target, parameters = ''] of header.matchAll(LINK)) {
    const rel = [...parameters.matchAll(PARAMETER)].find(([, name]) => name?.toLowerCase() === 'rel');
    const [, , quoted, bare] = rel ?? [];
    if ((quoted ?? bare ?? '').toLowerCase().split(/\s+/).includes('next')) return target;
  }
  return undefined;
}

async function getJson(hub: Hub, url: URL): Promise<{ value: unknown; link: string | undefined }> {
  const { http, headersFor, uri, signal } = hub;
  const response = expectSuccess(await http.get(url, { headersFor, signal }), uri);
  const link = nextLink(response.headers.get('link') ?? '');
  const text = await smallText(response);
  try {
    return { value: JSON.parse(text) as unknown, link };
  } catch (cause) {
    throw new RequestRefusedError(`${shownUri(uri)}: the hub's answer is not JSON. Check HF_ENDPOINT.`, {
      cause,
    });
  }
}

/** @throws InvalidUriError */
export function parseHuggingFaceUri(uri: string): { repo: string; revision: string } {
  const [, repo, revision = 'main'] = /^hf:\/\/([\w.-]+\/[\w.-]+)\/?(?::([^\s?#]+))?$/i.exec(uri) ?? [];
  if (repo === undefined || repo.split('/').some((part) => /^\.+$/.test(part))) {
    throw new InvalidUriError(`${shownUri(uri)}: expected hf://<organisation>/<repository>[:<revision>]`);
  }
  return { repo, revision };
}
