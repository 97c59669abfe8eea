import type { Agent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import { NodeHttpHandler } from '@smithy/node-http-handler';
import type { ProxyRouter } from './proxy-types.ts';

/** What the SDK uses of its handler. */
export type S3Handler = Pick<
  NodeHttpHandler,
  'handle' | 'destroy' | 'metadata' | 'updateHttpClientConfig' | 'httpHandlerConfigs'
>;

type Handled = Parameters<NodeHttpHandler['handle']>;

/**
 * The SDK's handler, with a route chosen for each request: one client sends to several hosts, because a bucket may be
 * in the host name or in another region. The SDK also calls its token services through this handler, but not its
 * metadata services, which belong to the node and need no proxy.
 */
export function s3HandlerVia(proxies: ProxyRouter, direct: NodeHttpHandler): S3Handler {
  const handlers = new Map<Agent, NodeHttpHandler>();
  const handlerOf = (agent: Agent): NodeHttpHandler => {
    // No limit here: the agent limits each step itself.
    const options = agent instanceof HttpsAgent ? { httpsAgent: agent } : { httpAgent: agent };
    const handler = handlers.get(agent) ?? new NodeHttpHandler(options);
    handlers.set(agent, handler);
    return handler;
  };
  const handle = async (...[request, options]: Handled): ReturnType<NodeHttpHandler['handle']> => {
    const { protocol, hostname, port } = request;
    const route = await proxies.routeFor(new URL(`${protocol}//${hostname}:${port ?? ''}`));
    if (route === undefined) return direct.handle(request, options);
    const handled = await handlerOf(route.agent).handle(request, options);
    route.check(handled.response.statusCode);
    return handled;
  };
  return {
    metadata: direct.metadata,
    handle,
    updateHttpClientConfig: (key, value) => direct.updateHttpClientConfig(key, value),
    httpHandlerConfigs: () => direct.httpHandlerConfigs(),
    destroy: () => {
      direct.destroy();
      proxies.close();
    },
  };
}
