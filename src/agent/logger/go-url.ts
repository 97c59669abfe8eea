/** Go's url.URL as encoding/json writes it, in its order. */
interface GoUrl {
  readonly Scheme: string;
  readonly Opaque: string;
  readonly User: Record<string, never> | null;
  readonly Host: string;
  readonly Path: string;
  readonly Fragment: string;
  readonly RawQuery: string;
  readonly RawPath: string;
  readonly RawFragment: string;
  readonly ForceQuery: boolean;
  readonly OmitHost: boolean;
}

const PARTS = /^(?:([a-zA-Z][a-zA-Z0-9+.-]*):)?(\/\/([^/?#]*))?([^?#]*)(\?([^#]*))?(?:#(.*))?$/s;

/** Parses a URL as Go's url.Parse does, as far as JSON shows it: a user's name and password are omitted. */
export function goUrl(text: string): GoUrl {
  const [, scheme = '', slashes, authority = '', path = '', question, query = '', fragment = ''] =
    PARTS.exec(text) ?? [];
  const isOpaque = scheme !== '' && slashes === undefined && !path.startsWith('/');
  const [host = '', user] = authority.split('@').reverse();
  const plain = decoded(path);
  return {
    Scheme: scheme.toLowerCase(),
    Opaque: isOpaque ? path : '',
    User: user === undefined ? null : {},
    Host: host,
    Path: isOpaque ? '' : plain,
    Fragment: decoded(fragment),
    RawQuery: query,
    RawPath: isOpaque || escaped(plain) === path ? '' : path,
    RawFragment: '',
    ForceQuery: question !== undefined && query === '',
    OmitHost: false,
  };
}

/** The text of a URL as Go's URL.String returns it: characters that are invalid in a path are escaped. */
export function goUrlString(text: string): string {
  const { Opaque: opaque, Path: path, RawPath: raw } = goUrl(text);
  if (opaque !== '' || raw === '' || VALID_PATH.test(raw)) return text;
  const at = text.indexOf(raw);
  return text.slice(0, at) + escaped(path) + text.slice(at + raw.length);
}

/** The same after a round trip through JSON, as Go's CSV and Parquet have it: of a user only the `@` is left. */
export function goUrlText(text: string): string {
  return goUrlString(text).replace(/^([a-zA-Z][a-zA-Z0-9+.-]*:\/\/)[^@/?#]*@/, '$1@');
}

/** Source: net/url, validEncoded. */
const VALID_PATH = /^[A-Za-z0-9\-._~!$&'()*+,;=:@[\]/%]*$/;

/** Source: net/url, shouldEscape in the mode of a path. */
function escaped(path: string): string {
  return encodeURI(path).replace(
    /[!*'()?#]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
