import { FIELD_NAME } from '../../lib/http-field.ts';
import { hexFromBase64 } from './digest.ts';
import type { ExpectedDigest } from './digest.ts';
import type { DigestAlgorithm } from './digest-sum.ts';
import { SourceConfigurationError } from './errors.ts';
import type { Environment } from './environment.ts';

/**
 * The headers that the operator set for one host: the variable `<host>-headers`, a JSON object, which KServe's webhook
 * makes from a Secret with `https-host` and `headers`. `host:port` wins over the bare host.
 * @throws SourceConfigurationError when the value is not a JSON object of strings.
 */
export function configuredHeaders(env: Environment, url: URL): Readonly<Record<string, string>> {
  const name = [`${url.host}-headers`, `${url.hostname}-headers`].find((candidate) =>
    Object.hasOwn(env, candidate),
  );
  const value = name === undefined ? undefined : env[name];
  if (name === undefined || value === undefined || value === '') return {};
  const fault = new SourceConfigurationError(
    `the variable '${name}' is not a JSON object of strings. Correct 'headers' in the Secret of the service account.`,
  );
  let parsed: unknown;
  try {
    parsed = JSON.parse(value);
  } catch {
    throw fault;
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) throw fault;
  const headers = Object.entries(parsed);
  if (!headers.every((entry): entry is [string, string] => isHeader(entry))) throw fault;
  return Object.fromEntries(headers.map(([key, text]) => [key.toLowerCase(), text]));
}

function isHeader([name, value]: [string, unknown]): boolean {
  return FIELD_NAME.test(name) && typeof value === 'string' && !/[\r\n\0]/.test(value);
}

const DIGEST_BYTES: ReadonlyMap<string, readonly [DigestAlgorithm, number]> = new Map([
  ['md5', ['md5', 16]],
  ['sha', ['sha1', 20]],
  ['sha-256', ['sha256', 32]],
  ['sha-512', ['sha512', 64]],
]);

/** Content-MD5 (RFC 1864), Digest (RFC 3230), Content-Digest and Repr-Digest (RFC 9530) of a full answer. */
export function announcedDigests(headers: ReadonlyMap<string, string>): ExpectedDigest[] {
  const md5 = headers.get('content-md5');
  const lists = ['digest', 'content-digest', 'repr-digest'].map((name) => headers.get(name) ?? '');
  const members = [...(md5 === undefined ? [] : [`md5=${md5}`]), ...lists.flatMap((list) => list.split(','))];
  return members.flatMap((member) => {
    const [, name = '', value = ''] = /^\s*([\w-]+)=:?([A-Za-z0-9+/=]+):?\s*$/.exec(member) ?? [];
    const [algorithm, bytes] = DIGEST_BYTES.get(name.toLowerCase()) ?? [];
    if (algorithm === undefined || bytes === undefined) return [];
    const hex = hexFromBase64(value, bytes);
    return hex === undefined ? [] : [{ algorithm, hex }];
  });
}
