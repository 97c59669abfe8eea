import type { ExpectedDigest } from './digest.ts';
import { InvalidUriError, NotFoundError } from './errors.ts';
import { expectSuccess, smallText } from './http-client.ts';
import type { HttpClient } from './http-client.ts';
import { openHttpFile } from './http-file.ts';
import { nonEmpty } from './non-empty.ts';
import { shownUri } from './redact.ts';
import type { RemoteFile, Source, SourceContext } from './source.ts';

const PUBLIC_HUB = 'https://huggingface.co';

/** One entry of a repository's tree. Source: huggingface.co/docs/hub/api, `GET /api/models/{repo}/tree/{revision}`. */
interface TreeEntry {
  readonly type: string;
  readonly path: string;
  readonly size: number;
  /** The git blob's SHA-1. */
  readonly oid: string;
  /** `oid` is the SHA-256 of the content. */
  readonly lfs?: { readonly oid: string; readonly size: number };
}

interface Hub {
  readonly http: HttpClient;
  readonly headersFor: (hop: URL) => Readonly<Record<string, string>>;
  readonly uri: string;
  readonly signal: AbortSignal;
}

/**
 * `hf://org/repo[:revision]` by the hub's HTTP API, at the commit the revision names when the pull begins.
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
      const commit = (value as { sha?: unknown }).sha;
      if (typeof commit !== 'string' || !/^[0-9a-f]{40,64}$/.test(commit)) {
        throw new NotFoundError(`${shownUri(uri)}: the hub knows no commit for revision '${revision}'`);
      }
      const tree = new URL(`${api}/tree/${commit}?recursive=true`);
      return {
        files: filesOf(hub, tree, `${endpoint}/${repo}/resolve/${commit}`),
        version: commit,
      };
    },
    close: () => Promise.resolve(),
  };
}

async function* filesOf(hub: Hub, tree: URL, resolveUrl: string): AsyncGenerator<RemoteFile> {
  let found = false;
  for (let page: URL | undefined = tree; page !== undefined;) {
    const { value, next } = await getJson(hub, page);
    for (const entry of value as TreeEntry[]) {
      if (entry.type !== 'file') continue;
      found = true;
      yield fileOf(hub, entry, resolveUrl);
    }
    page = next;
  }
  if (!found) throw new NotFoundError(`${shownUri(hub.uri)}: the repository holds no files`);
}

function fileOf({ http, headersFor }: Hub, entry: TreeEntry, resolveUrl: string): RemoteFile {
  const url = new URL(`${resolveUrl}/${entry.path.split('/').map(encodeURIComponent).join('/')}`);
  const size = entry.lfs?.size ?? entry.size;
  const digest: ExpectedDigest =
    entry.lfs === undefined
      ? { algorithm: 'git-blob', hex: entry.oid }
      : { algorithm: 'sha256', hex: entry.lfs.oid };
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

async function getJson(hub: Hub, url: URL): Promise<{ value: unknown; next: URL | undefined }> {
  const { http, headersFor, uri, signal } = hub;
  const response = expectSuccess(await http.get(url, { headersFor, signal }), uri);
  const [, link] = /<([^>]+)>\s*;\s*rel="next"/.exec(response.headers.get('link') ?? '') ?? [];
  const next = link === undefined ? undefined : new URL(link, url);
  const value: unknown = JSON.parse(await smallText(response));
  return { value, next: next?.origin === url.origin ? next : undefined };
}

/** @throws InvalidUriError */
export function parseHuggingFaceUri(uri: string): { repo: string; revision: string } {
  const [, repo, revision = 'main'] = /^hf:\/\/([\w.-]+\/[\w.-]+)\/?(?::([^\s?#]+))?$/i.exec(uri) ?? [];
  if (repo === undefined || repo.split('/').some((part) => /^\.+$/.test(part))) {
    throw new InvalidUriError(`${shownUri(uri)}: expected hf://<organisation>/<repository>[:<revision>]`);
  }
  return { repo, revision };
}
