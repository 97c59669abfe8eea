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
 * The SDK's handler with the way chosen for each request: one client's requests go to several hosts, as a bucket may be
 * in the host name and in another region. The SDK asks its token services by this handler too, and not its metadata
 * services, which are of the node and no proxy's.
 */
export function s3HandlerVia(proxies: ProxyRouter, direct: NodeHttpHandler): S3Handler {
  const handlers = new Map<Agent, NodeHttpHandler>();
  const handlerOf = (agent: Agent): NodeHttpHandler => {
    // Without a limit of its own: the agent has those for each step of the way.
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
