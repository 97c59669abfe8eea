import type { Agent } from 'node:http';
import type { SecureContextOptions } from 'node:tls';
import type { DestinationPolicy } from '../destination-policy.decide.ts';
import type { Resolve } from '../guarded-connect.ts';
import type { PullError } from '../errors.ts';

/** How a request reaches its server through a proxy. */
export interface ProxyRoute {
  /** Makes the connections; its errors are PullErrors that name the proxy. */
  readonly agent: Agent;
  /** @throws ProxyRefusedError when the answer is the proxy's own refusal. */
  check(status: number | undefined): void;
  /** The proxy's fault behind what a client threw. Some clients keep only the code of an error. */
  faultOf(thrown: unknown): PullError | undefined;
}

/** A request of any client, before it is sent. */
interface RoutedRequest {
  readonly url: string | URL;
  agent?: unknown;
}

/** Sends requests through the proxies that the environment names. */
export interface ProxyRouter {
  /** Undefined: no proxy. @throws SourceConfigurationError when the variable that applies cannot be used. */
  routeFor(url: URL): Promise<ProxyRoute | undefined>;
  /** Gives a client's request the agent of its route and reads the answer; for clients with an agent per request. */
  send<Request extends RoutedRequest, Answer extends { readonly status: number }>(
    request: Request,
    send: (request: Request) => Promise<Answer>,
  ): Promise<Answer>;
  close(): void;
}

export interface ProxyRouterOptions {
  /** Applies to each step: the connection to the proxy, its CONNECT to the server, and TLS with the server. */
  readonly connectTimeoutMs: number;
  /** For TLS with the servers. The proxies' own certificates are checked against Node's trust store. */
  readonly tls?: SecureContextOptions & { readonly rejectUnauthorized?: boolean };
  /**
   * Set if the URLs are the user's: the pod checks the name's addresses, as far as it can, before it contacts the
   * proxy.
   */
  readonly guard?: { readonly policy: DestinationPolicy; readonly resolve: Resolve | undefined };
}
