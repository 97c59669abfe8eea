/** Shorter than the 5 s after which many servers close, so that no request meets a closing connection. */
export const IDLE = { keepAlive: true, timeout: 4_000 };

/** A URL puts an IPv6 address in brackets; a socket does not accept them. */
export function bareHost(hostname: string): string {
  return hostname.startsWith('[') ? hostname.slice(1, -1) : hostname;
}
