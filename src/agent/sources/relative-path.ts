/** Longest name of one file or directory on Linux file systems, in bytes (NAME_MAX). */
const LONGEST_NAME_BYTES = 255;
/** PATH_MAX is 4,096, and the model directory precedes the path. */
const LONGEST_PATH_BYTES = 2048;
const DEEPEST = 64;

type PathCheck =
  | { readonly safe: true; /** `a/b/c`; empty for the root itself. */ readonly path: string }
  | { readonly safe: false; readonly because: string };

/**
 * Checks a name from an archive or a listing that is to become a path below the model's directory. Empty and `.`
 * segments are dropped, as every unpacker does. Whatever could mean another place on any system is refused, not
 * repaired.
 */
export function checkRelativePath(name: string): PathCheck {
  const because = faultOf(name);
  if (because !== undefined) return { safe: false, because };
  const segments = name.split('/').filter((segment) => segment !== '' && segment !== '.');
  if (segments.length > DEEPEST)
    return { safe: false, because: `it is more than ${DEEPEST} directories deep` };
  if (segments.some((segment) => Buffer.byteLength(segment) > LONGEST_NAME_BYTES)) {
    return { safe: false, because: `one of its parts is longer than ${LONGEST_NAME_BYTES} bytes` };
  }
  return { safe: true, path: segments.join('/') };
}

function faultOf(name: string): string | undefined {
  if (name.startsWith('/')) return 'it is absolute';
  if (name.includes('\\')) return 'it contains a backslash';
  if (/^[A-Za-z]:/.test(name)) return 'it starts with a drive letter';
  // eslint-disable-next-line no-control-regex
  if (/[\u0000-\u001f\u007f]/.test(name)) return 'it contains a control character';
  if (name.split('/').includes('..')) return "it contains a '..' segment";
  if (!name.isWellFormed() || name.includes('\ufffd')) return 'it is not valid UTF-8';
  if (Buffer.byteLength(name) > LONGEST_PATH_BYTES) return `it is longer than ${LONGEST_PATH_BYTES} bytes`;
  return undefined;
}

/** An object's key relative to a prefix that ends at a `/` boundary; undefined when the key is not below it. */
export function keyBelow(key: string, prefix: string): string | undefined {
  const directory = prefix === '' || prefix.endsWith('/') ? prefix : `${prefix}/`;
  return key.startsWith(directory) && key.length > directory.length ? key.slice(directory.length) : undefined;
}

/** The last segment of a `/`-separated name. */
export function baseName(name: string): string {
  return name.split('/').findLast((segment) => segment !== '') ?? '';
}
