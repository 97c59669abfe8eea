import type { Milliseconds } from '../../lib/clock.ts';
import { messageOf } from '../../lib/errors.ts';
import { isRecord } from '../../lib/json.ts';

/** Of the waits: `AbortSignal.timeout`, undici's own, and those of a connection. */
const TIMED_OUT: readonly unknown[] = [
  'UND_ERR_HEADERS_TIMEOUT',
  'UND_ERR_BODY_TIMEOUT',
  'UND_ERR_CONNECT_TIMEOUT',
  'API_TIMEOUT',
  'ETIMEDOUT',
];

/** Why nothing came back from an address, and what to look at. */
export function whyNoAnswer(thrown: unknown, timeout: Milliseconds): string {
  const cause = thrown instanceof Error && isRecord(thrown.cause) ? thrown.cause : thrown;
  const errors = [thrown, cause].filter(isRecord);
  const codes = errors.map(({ code }) => code);
  const timedOut = errors.some(({ name }) => name === 'TimeoutError');
  if (timedOut || codes.some((code) => TIMED_OUT.includes(code))) {
    return `within ${timeout / 1_000} s; --timeout waits longer`;
  }
  if (codes.includes('ERR_SSL_WRONG_VERSION_NUMBER')) return 'by TLS; is it http:// instead of https://?';
  if (errors.some(({ name }) => name === 'HTTPParserError'))
    return 'by HTTP; is it https:// instead of http://, or another port?';
  return `(${messageOf(cause).trim()}); is it the right address?`;
}
