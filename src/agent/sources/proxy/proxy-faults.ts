import type { ProxyServer } from './proxy-rules.decide.ts';
import { ProxyRefusedError, ProxyUnavailableError, PullError } from '../errors.ts';

/** The status with which a proxy asks for credentials, or for other ones. */
export const PROXY_AUTHENTICATION_REQUIRED = 407;

const CODES: ReadonlySet<unknown> = new Set(['PROXY_UNAVAILABLE', 'PROXY_REFUSED']);

/** The proxy and where it comes from, without its user and password. */
function named({ variable, url }: ProxyServer): string {
  return `the proxy ${url.host} (${variable})`;
}

export function unanswered(proxy: ProxyServer, limitMs: number): ProxyUnavailableError {
  return new ProxyUnavailableError(
    `${named(proxy)} did not answer within ${limitMs} ms. It is fetched again later.`,
  );
}

export function unreachable(proxy: ProxyServer, cause: unknown): ProxyUnavailableError {
  const code = codeOf(cause);
  return new ProxyUnavailableError(
    `${named(proxy)} cannot be reached${code === undefined ? '' : `: ${code}`}. Check the variable, and that the ` +
      'proxy runs and is reachable from the pod.',
    { cause },
  );
}

/** @param authority the target of the CONNECT. */
export function refusedBy(proxy: ProxyServer, status: number, authority?: string): ProxyRefusedError {
  const asked = authority === undefined ? '' : ` when asked to connect to ${authority}`;
  const advice =
    status === PROXY_AUTHENTICATION_REQUIRED
      ? `Check the user and the password in ${proxy.variable}.`
      : 'Check what the proxy allows the pod to reach. Put hosts that need no proxy into NO_PROXY.';
  return new ProxyRefusedError(`${named(proxy)} answered ${status}${asked}. ${advice}`);
}

/**
 * The proxy's fault behind what a client threw, if there is one.
 * @param last the last fault on the connections of that proxy: Azure's and Google's clients keep only the code of an
 *   error.
 */
export function faultBehind(thrown: unknown, last: PullError | undefined): PullError | undefined {
  for (let error = thrown, depth = 0; depth < 5 && typeof error === 'object' && error !== null; depth += 1) {
    if (error instanceof PullError) return error;
    if (CODES.has(codeOf(error))) return last;
    error = 'cause' in error ? error.cause : undefined;
  }
  return undefined;
}

function codeOf(error: unknown): string | undefined {
  const code = typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined;
  return typeof code === 'string' ? code : undefined;
}
