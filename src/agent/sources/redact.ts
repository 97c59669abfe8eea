/** Schemes in which the part before `@` is a container's name, not credentials. */
const CONTAINER_BEFORE_AT = /^abfss?:/i;

/**
 * A storageUri as it may be shown: without user, password, query and fragment (signed URLs carry their
 * signature there), control characters replaced, at most 300 characters.
 */
export function shownUri(uri: string): string {
  const withoutQuery = uri.replace(/[?#].*$/s, '');
  const withoutUser = withoutQuery.replace(/^([^:/]*:\/\/)([^/]*)@/, (whole, scheme: string, user: string) =>
    CONTAINER_BEFORE_AT.test(scheme) && !user.includes(':') ? whole : scheme,
  );
  return printable(withoutUser, 300);
}

/** Text from outside as it may appear in a message: control characters replaced, cut to a length. */
export function printable(text: string, limit = 200): string {
  // eslint-disable-next-line no-control-regex
  const clean = text.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g, '\ufffd');
  return clean.length <= limit ? clean : `${clean.slice(0, limit)}…`;
}

const SECRET_VARIABLE = /(SECRET|TOKEN|PASSWORD|ACCESS_KEY|SAS|CONNECTION_STRING)|-headers$/i;
const PROXY_VARIABLE = /^https?_proxy$/i;
/** Shorter values are more likely ordinary words ("1", "true") than secrets. */
const SHORTEST_SECRET = 6;

/** The values in an environment that must never be shown, longest first. Of JSON objects of headers, each value. */
export function secretValues(env: Readonly<Record<string, string | undefined>>): readonly string[] {
  const values = Object.entries(env)
    .filter(([name]) => SECRET_VARIABLE.test(name))
    .flatMap(([, value]) => (value === undefined ? [] : [value, value.trim(), ...jsonStrings(value)]));
  const ofProxies = Object.entries(env)
    .filter(([name]) => PROXY_VARIABLE.test(name))
    .flatMap(([, value]) => proxySecrets(value ?? ''));
  return [...new Set([...values, ...ofProxies])]
    .filter((value) => value.length >= SHORTEST_SECRET)
    .sort((a, b) => b.length - a.length);
}

/** The last check before a message leaves the puller: removes known secrets, and the query and user of any URL. */
export function scrub(message: string, secrets: readonly string[]): string {
  const withoutSecrets = secrets.reduce((text, secret) => text.replaceAll(secret, '[secret]'), message);
  return withoutSecrets
    .replace(/([a-z][a-z0-9+.-]*:\/\/[^\s?#'"]*)[?#][^\s'"]*/gi, '$1')
    .replace(/(https?|s3|gs|hf|oci):\/\/[^\s/@]*@/gi, '$1://');
}

/** The user and the password in a proxy's URL, together and the password alone, as written. */
function proxySecrets(url: string): string[] {
  const [, user = '', password = ''] = /^(?:[^:/]*:\/\/)?([^:/@]*):?(.*)@/.exec(url) ?? [];
  return [`${user}:${password}`, password];
}

function jsonStrings(text: string): string[] {
  try {
    const parsed: unknown = JSON.parse(text);
    if (typeof parsed !== 'object' || parsed === null) return [];
    return Object.values(parsed).filter((value) => typeof value === 'string');
  } catch {
    return [];
  }
}
