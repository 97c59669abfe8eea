/** A request target in origin form, and the host of an absolute one. */
interface OriginTarget {
  /** Path and query, as the component gets them. */
  readonly target: string;
  /** Undefined if the target was in origin form, or named no host. */
  readonly host?: string;
}

/** Characters that a path may contain, and escapes: those that Go's net/url does not change. */
const PLAIN_PATH = /^\/(?:[\w.~!$&'()*+,;=:@/[\]-]|%[0-9A-Fa-f]{2})*$/;
const BROKEN_ESCAPE = /%(?![0-9A-Fa-f]{2})/;
const ABSOLUTE = /^[A-Za-z][A-Za-z0-9+.-]*:\/\/([^/?]*)(.*)$/s;
const USER_INFO = /^[\w.~!$&'()*+,;=:@%-]*$/;
/** A registered name or an address in brackets, and a port. Each may be empty. */
const AUTHORITY = /^(?:\[[0-9A-Fa-f:.]+(?:%25[\w.~-]+)?\]|[\w.~!$&'()*+,;=-]*)(?::\d*)?$/;

/**
 * The target as sent to the component: in origin form (RFC 9112 section 3.2.1), whichever form it came in. Characters
 * that are invalid in a path are escaped as in KServe's agent (Go v1.26, net/url: EscapedPath). Undefined if there is
 * no valid target: the escapes are broken, or the host is invalid.
 */
export function originTarget(target: string): OriginTarget | undefined {
  if (target.startsWith('/')) return withPath(target);
  const absolute = ABSOLUTE.exec(target);
  if (absolute === null) return undefined;
  const [, authority = '', rest = ''] = absolute;
  const at = authority.lastIndexOf('@');
  const host = authority.slice(at + 1);
  if (!AUTHORITY.test(host) || !USER_INFO.test(authority.slice(0, Math.max(at, 0)))) return undefined;
  const origin = withPath(rest.startsWith('/') ? rest : `/${rest}`);
  if (origin === undefined || host === '') return origin;
  return { ...origin, host: host.replace('%25', '%') };
}

function withPath(target: string): OriginTarget | undefined {
  const question = target.indexOf('?');
  const path = question < 0 ? target : target.slice(0, question);
  if (PLAIN_PATH.test(path)) return { target };
  if (BROKEN_ESCAPE.test(path)) return undefined;
  return { target: `${escaped(unescaped(path))}${target.slice(path.length)}` };
}

/** Byte by byte: a character is a byte. */
function unescaped(path: string): string {
  return path.replace(/%([0-9A-Fa-f]{2})/g, (_, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  );
}

function escaped(path: string): string {
  return path.replace(
    /[^A-Za-z0-9\-_.~$&+,/:;=@]/g,
    (byte) => `%${byte.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`,
  );
}
