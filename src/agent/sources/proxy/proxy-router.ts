import type { ProxyRouter, ProxyRouterOptions } from './proxy-types.ts';
import { namesProxy } from './proxy-variables.decide.ts';
import type { Environment } from '../environment.ts';

/** Undefined if the environment names no proxy; no proxy code is loaded then. */
export function createProxyRouter(env: Environment, options: ProxyRouterOptions): ProxyRouter | undefined {
  if (!namesProxy(env)) return undefined;
  let loading: Promise<ProxyRouter> | undefined;
  const loaded = (): Promise<ProxyRouter> =>
    (loading ??= import('./proxy-routes.ts').then(({ createProxyRoutes }) =>
      createProxyRoutes(env, options),
    ));
  return {
    routeFor: async (url) => (await loaded()).routeFor(url),
    send: async (request, send) => (await loaded()).send(request, send),
    close: () => void loading?.then((router) => router.close()),
  };
}
