import { archiveKindOf } from './archive.ts';
import { InvalidUriError } from './errors.ts';
import { discard, expectSuccess } from './http-client.ts';
import type { HttpResponse } from './http-client.ts';
import { openHttpFile, openedFrom } from './http-file.ts';
import { configuredHeaders } from './http-headers.ts';
import { shownUri } from './redact.ts';
import { baseName } from './relative-path.ts';
import type { RemoteFile, Source, SourceContext } from './source.ts';

/** What a file without a name in its URI is stored as. */
const NAMELESS = 'model';

/**
 * `http://` and `https://`: an archive is unpacked, any other file is stored under its base name. Headers set for a host go
 * to that host only, also after a redirect.
 */
export function createHttpSource({ env, http }: SourceContext): Source {
  return {
    find: async (uri, signal) => {
      if (!URL.canParse(uri)) throw new InvalidUriError(`${shownUri(uri)}: not a URL`);
      const url = new URL(uri);
      const fromUri = basicAuthorization(url);
      const headersFor = (hop: URL): Readonly<Record<string, string>> => ({
        ...(hop.origin === url.origin ? fromUri : {}),
        ...configuredHeaders(env, hop),
      });
      // Whether it is an archive may depend on the answer, so the download begins here and `open` takes it over.
      const response = expectSuccess(await http.get(url, { headersFor, signal }), uri);
      const name = decoded(baseName(url.pathname));
      const size = contentLength(response);
      let first: HttpResponse | undefined = response;
      const open: RemoteFile['open'] = (range, fileSignal) => {
        const taken = first;
        first = undefined;
        if (taken !== undefined && range.offset === 0 && !taken.body.destroyed) {
          return openedFrom(taken, 0, url);
        }
        if (taken !== undefined) discard(taken);
        return openHttpFile({ http, url, headersFor }, range, fileSignal);
      };
      const kind = archiveKindOf(name, response.headers.get('content-type'));
      const unpacking = kind === undefined ? {} : { unpacking: { kind } };
      return {
        files: only({ path: name === '' ? NAMELESS : name, size, open, ...unpacking }),
        version: response.headers.get('etag'),
      };
    },
    close: () => Promise.resolve(),
  };
}

async function* only(file: RemoteFile): AsyncGenerator<RemoteFile> {
  await Promise.resolve();
  yield file;
}

function contentLength({ headers }: HttpResponse): number | undefined {
  const length = headers.get('content-length');
  return length === undefined ? undefined : Number(length);
}

function basicAuthorization({ username, password }: URL): Readonly<Record<string, string>> {
  if (username === '' && password === '') return {};
  const pair = Buffer.from(`${decoded(username)}:${decoded(password)}`).toString('base64');
  return { authorization: `Basic ${pair}` };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
