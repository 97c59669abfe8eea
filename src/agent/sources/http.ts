import { archiveKindOf } from './archive.ts';
import { textFormat } from './archive-start.ts';
import { basicAuthorization, decoded } from '../../lib/basic-authorization.ts';
import { gzipLayers, startOf } from './content-coding.ts';
import { InvalidUriError, RequestRefusedError } from './errors.ts';
import { gunzippedTimes } from './gunzipped.ts';
import { discard, expectSuccess } from './http-client.ts';
import type { HttpResponse } from './http-client.ts';
import { contentLength, openHttpFile, openedFrom } from './http-file.ts';
import { configuredHeaders } from './http-headers.ts';
import { shownUri } from './redact.ts';
import { baseName } from './relative-path.ts';
import type { RemoteFile, Source, SourceContext } from './source.ts';

/** Above this size a connection that is not used again costs less than the memory of a body. */
const LARGE_BYTES = 256 * 1024;

/** The file name for a URI that has none. */
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
      // The answer may decide whether it is an archive, so the download starts here and `open` takes it over.
      const response = expectSuccess(await http.get(url, { headersFor, signal }), uri);
      const name = decoded(baseName(url.pathname));
      const size = contentLength(response);
      const layers = await gzipLayers(response, url);
      const kind = archiveKindOf(name, response.headers.get('content-type'));
      if (kind === undefined) await refuseOtherContent(response, name, uri);
      const reusesBuffers =
        kind === undefined && layers === 0 && response.pieces !== undefined && (size ?? 0) >= LARGE_BYTES;
      let first: HttpResponse | undefined = response;
      const open: RemoteFile['open'] = (range, fileSignal) => {
        const taken = first;
        first = undefined;
        if (taken !== undefined && range.offset === 0 && !taken.body.destroyed) {
          return Promise.resolve(openedFrom(taken, { offset: 0, tag: undefined }, reusesBuffers));
        }
        if (taken !== undefined) discard(taken);
        return openHttpFile({ http, url, headersFor, reusesBuffers }, range, fileSignal);
      };
      const unpacking = kind === undefined ? {} : { unpacking: { kind } };
      const decoding = layers > 0 && {
        decode: (stored: AsyncIterable<Uint8Array>) => gunzippedTimes(stored, layers),
      };
      return {
        files: only({
          path: name === '' ? NAMELESS : name,
          size,
          open,
          reusesBuffers,
          ...unpacking,
          ...decoding,
        }),
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

/** A Git LFS pointer has some 130 bytes. */
const LONGEST_POINTER = 1_024;
/** Source: git-lfs, docs/spec.md. */
const POINTER_START = 'version ';

/**
 * A login page or an error is often sent with status 200. A raw link into a git repository gives a pointer instead of a
 * large file. Neither is a model, unless the URI's file name asks for that type.
 */
async function refuseOtherContent(response: HttpResponse, name: string, uri: string): Promise<void> {
  const saysPage = /^(text\/html|application\/xhtml\+xml)\b/i.test(
    response.headers.get('content-type') ?? '',
  );
  const isShort = (contentLength(response) ?? LONGEST_POINTER) < LONGEST_POINTER;
  if ((!saysPage && !isShort) || /\.x?html?$/i.test(name)) return;
  // Read only enough to recognize it: the limit on slow sources applies during the transfer.
  const first = await startOf(response.body, POINTER_START.length);
  if (!saysPage && !first.toString('latin1').startsWith(POINTER_START)) return;
  const other = textFormat(await startOf(response.body));
  const isPointer = other?.includes('Git LFS') === true;
  if (other === undefined || !(isPointer || (saysPage && other.includes('web page')))) return;
  discard(response);
  throw new RequestRefusedError(`${shownUri(uri)}: the answer is not a model: ${other}`);
}
