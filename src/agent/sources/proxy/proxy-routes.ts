import { chooseProxy, readProxyRules } from './proxy-rules.decide.ts';
import { SourceConfigurationError } from '../errors.ts';
import type { PullError } from '../errors.ts';
import { httpAgentVia, httpsAgentVia } from './proxy-agents.ts';
import type { ProxyAgentOptions } from './proxy-agents.ts';
import { PROXY_AUTHENTICATION_REQUIRED, faultBehind, refusedBy } from './proxy-faults.ts';
import { guardedTarget } from './proxy-guard.ts';
import type { ProxyRoute, ProxyRouter, ProxyRouterOptions } from './proxy-types.ts';
import type { Environment } from '../environment.ts';

/** The router itself, loaded only if the environment names a proxy. */
export function createProxyRoutes(env: Environment, options: ProxyRouterOptions): ProxyRouter {
  const { connectTimeoutMs, tls = {}, guard } = options;
  const rules = readProxyRules(env);
  const approve = guard === undefined ? undefined : guardedTarget(guard.policy, guard.resolve);
  /** One for each scheme, since the scheme decides which variable counts. */
  const routes = new Map<string, ProxyRoute>();
  const routeFor = (url: URL): ProxyRoute | undefined => {
    const choice = chooseProxy(rules, url);
    if (choice.kind === 'direct') return undefined;
    if (choice.kind === 'unusable') {
      throw new SourceConfigurationError(`${choice.variable} cannot be used: ${choice.because}.`);
    }
    const { proxy } = choice;
    const route =
      routes.get(url.protocol) ?? openRoute(url.protocol, { proxy, connectTimeoutMs, approve, tls });
    routes.set(url.protocol, route);
    return route;
  };
  return {
    routeFor: (url) => Promise.resolve().then(() => routeFor(url)),
    send: async (request, send) => {
      const route = routeFor(new URL(request.url));
      if (route === undefined) return send(request);
      request.agent = route.agent;
      try {
        const answer = await send(request);
        route.check(answer.status);
        return answer;
      } catch (thrown) {
        throw route.faultOf(thrown) ?? thrown;
      }
    },
    close: () => {
      for (const { agent } of routes.values()) agent.destroy();
    },
  };
}

function openRoute(protocol: string, options: Omit<ProxyAgentOptions, 'onFault'>): ProxyRoute {
  let last: PullError | undefined;
  const onFault = (fault: PullError): void => {
    last = fault;
  };
  const createAgent = protocol === 'https:' ? httpsAgentVia : httpAgentVia;
  return {
    agent: createAgent({ ...options, onFault }),
    check: (status) => {
      if (status === PROXY_AUTHENTICATION_REQUIRED) throw refusedBy(options.proxy, status);
    },
    faultOf: (thrown) => faultBehind(thrown, last),
  };
}
