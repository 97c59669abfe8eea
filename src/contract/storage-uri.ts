/**
 * Which storageUris the agent can fetch, as far as the text shows. The agent's sources (src/agent/sources) decide in
 * the end; a test checks that every shape they refuse is refused here.
 */

/** The shape of the URIs of one scheme: `fits` gets the whole URI. */
interface UriShape {
  readonly expected: string;
  readonly fits: (uri: string) => boolean;
}

const bucketShape = (scheme: string): UriShape => ({
  expected: `${scheme}://<bucket>/<path>`,
  fits: (uri) => /^[a-z0-9]+:\/\/[\w.-]{1,255}(\/|$)/i.test(uri),
});
const azureShape: UriShape = {
  expected: 'abfss://<container>@<account>.dfs.core.windows.net/<path>',
  fits: (uri) =>
    /^abfss?:\/\/[a-z0-9$][a-z0-9-]{0,62}@[a-z0-9-]{3,63}\.(blob|dfs)\.core\.(windows\.net|usgovcloudapi\.net|chinacloudapi\.cn)(\/|\?|$)/i.test(
      uri,
    ),
};
const webShape = (scheme: string): UriShape => ({
  expected: `${scheme}://<host>/<path>`,
  fits: (uri) => /^https?:\/\/[^/\\]/i.test(uri) && URL.canParse(uri) && new URL(uri).hostname !== '',
});

const SHAPES: ReadonlyMap<string, UriShape> = new Map([
  ['s3', bucketShape('s3')],
  ['gs', bucketShape('gs')],
  ['abfs', azureShape],
  ['abfss', azureShape],
  ['http', webShape('http')],
  ['https', webShape('https')],
  [
    'hf',
    {
      expected: 'hf://<organisation>/<repository>[:<revision>]',
      fits: (uri) => /^hf:\/\/(?!\.+\/)[\w.-]+\/(?!\.+(?:[/:]|$))[\w.-]+\/?(?::[^\s?#]+)?$/i.test(uri),
    },
  ],
  [
    'oci',
    {
      expected: 'oci://<registry>/<repository>[:<tag>|@sha256:<digest>]',
      fits: (uri) =>
        /^oci:\/\/(localhost|[^/@\s]*[.:][^/@\s]*)\/[a-z0-9][a-z0-9._/-]*(:[\w][\w.-]{0,127})?(@sha256:[0-9a-f]{64})?$/i.test(
          uri,
        ),
    },
  ],
  [
    'pvc',
    {
      expected: 'pvc://<claim>/<path>',
      fits: (uri) => /^pvc:\/\/[a-z0-9]([a-z0-9.-]*[a-z0-9])?(\/|$)/i.test(uri),
    },
  ],
  ['file', { expected: 'file:///<absolute path>', fits: (uri) => /^file:\/\/\/./i.test(uri) }],
]);

/** The schemes that the agent fetches from, without `://`. */
export const STORAGE_SCHEMES: readonly string[] = [...SHAPES.keys()];

/** Far above the length of a signed URL. One model must not fill the ConfigMap that it shares with thousands. */
export const LONGEST_STORAGE_URI = 4096;

/** What is wrong with a storageUri, in a message without secrets; undefined when it may work. */
export function storageUriFault(uri: string): string | undefined {
  const [, written = '', rest = ''] = /^([a-z][a-z0-9+.-]*):\/\/([^]*)$/i.exec(uri) ?? [];
  const scheme = written.toLowerCase();
  const shape = SHAPES.get(scheme);
  if (shape === undefined) {
    const prefixes = STORAGE_SCHEMES.map((known) => `${known}://`).join(', ');
    return `The storage uri must start with one of the prefixes: ${prefixes}. (the storage uri given is "${shownStorageUri(uri)}")`;
  }
  if (uri.length > LONGEST_STORAGE_URI)
    return `It has ${uri.length} characters; at most ${LONGEST_STORAGE_URI} are taken.`;
  // eslint-disable-next-line no-control-regex
  if (/[\s\u0000-\u001f\u007f]/.test(uri))
    return 'It holds a space or a control character; percent-encode it.';
  if (holdsSecret(scheme, rest)) {
    return `It carries a user or password (before the @), which everyone who may read TrainedModels would see; put it into a Secret of the predictor's service account.`;
  }
  return shape.fits(uri) ? undefined : `"${shownStorageUri(uri)}" cannot work; expected ${shape.expected}.`;
}

/** Whether a storageUri contains a user or password. */
export function carriesSecret(uri: string): boolean {
  const [, scheme = '', rest = ''] = /^([a-z][a-z0-9+.-]*):\/\/([^]*)$/i.exec(uri) ?? [];
  return scheme !== '' && holdsSecret(scheme.toLowerCase(), rest);
}

/** Parameters that sign a URL: S3 (both signature versions), Google, Azure. Compared without case. */
const SIGNATURES = ['x-amz-signature', 'signature', 'x-goog-signature', 'sig', 'x-amz-security-token'];

/** The name of the parameter in a storageUri's query that grants access; undefined if there is none. */
export function signatureIn(uri: string): string | undefined {
  const query = /\?([^#]*)/.exec(uri)?.[1] ?? '';
  const names = query.split('&').map((pair) => /^[^=]*/.exec(pair)?.[0] ?? '');
  return names.find((name) => SIGNATURES.includes(name.toLowerCase()));
}

/** In Azure's URIs the part before the `@` is the container; in all others it is a user, and maybe a password. */
function holdsSecret(scheme: string, rest: string): boolean {
  const authority = /^[^/?#]*/.exec(rest)?.[0] ?? '';
  const at = authority.lastIndexOf('@');
  if (at < 0) return false;
  const isAzure = scheme === 'abfs' || scheme === 'abfss';
  return !isAzure || authority.slice(0, at).includes(':');
}

/** Control characters, and those that change the direction of text. */
const UNPRINTABLE = /[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/gu;

/** A URI for use in a message: no user or password, no query (signatures), cut to length. */
export function shownStorageUri(uri: string): string {
  // The patterns below take quadratic time, so a text that is too long for a URI is not shown.
  if (uri.length > LONGEST_STORAGE_URI) return `(${uri.length} characters)`;
  const plain = uri
    .replace(/[?#][^]*$/, '')
    .replace(/^([^:/]*:\/\/)?[^/]*:[^/]*@/, '$1')
    // The rest before an @ is a container in Azure's URIs, and a user or a token in all others.
    .replace(/^(?!abfss?:)([^:/]*:\/\/)[^/]*@/i, '$1');
  const clean = plain.replace(UNPRINTABLE, '\ufffd');
  return clean.length <= 200 ? clean : `${clean.slice(0, 200)}…`;
}
