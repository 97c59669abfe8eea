import type { Agent } from 'node:http';
import type { SecureContextOptions } from 'node:tls';
import type { DestinationPolicy } from '../destination-policy.decide.ts';
import type { Resolve } from '../guarded-connect.ts';
import type { PullError } from '../errors.ts';

/** How a request reaches its server by way of a proxy. */
export interface ProxyRoute {
  /** Makes the connections; its errors are PullErrors that name the proxy. */
  readonly agent: Agent;
  /** @throws ProxyRefusedError when the answer is not the server's but the proxy's own refusal. */
  check(status: number | undefined): void;
  /** The proxy's part in what a client threw: some keep nothing of an error but its code. */
  faultOf(thrown: unknown): PullError | undefined;
}

/** A request of whatever client, before it is sent. */
interface RoutedRequest {
  readonly url: string | URL;
  agent?: unknown;
}

/** Sends requests by the proxies that the environment names. */
export interface ProxyRouter {
  /** Undefined: directly. @throws SourceConfigurationError when the variable that applies cannot be used. */
  routeFor(url: URL): Promise<ProxyRoute | undefined>;
  /** Gives a client's request the agent of its route and reads the answer; for clients that take an agent a request. */
  send<Request extends RoutedRequest, Answer extends { readonly status: number }>(
    request: Request,
    send: (request: Request) => Promise<Answer>,
  ): Promise<Answer>;
  close(): void;
}

export interface ProxyRouterOptions {
  /** For the connection to the proxy, for what it then does to reach the server, and for TLS with that, each. */
  readonly connectTimeoutMs: number;
  /** For TLS with the servers; the proxies' own certificates are judged by what Node trusts. */
  readonly tls?: SecureContextOptions & { readonly rejectUnauthorized?: boolean };
  /** Where a URL is the user's: what a name leads to, as far as the pod can tell, is judged before the proxy is asked. */
  readonly guard?: { readonly policy: DestinationPolicy; readonly resolve: Resolve | undefined };
}
