import type { AddressInfo, Server } from 'node:net';
import { startProxy } from '../../src/agent/proxy/proxy-server.ts';
import type { Proxy } from '../../src/agent/proxy/proxy-server.ts';

type ProxyOptions = Parameters<typeof startProxy>[0];

/** The agent's proxy before a component on this machine, ready and without request metrics. */
export function proxyBefore(component: Server | number, more: Partial<ProxyOptions> = {}): Promise<Proxy> {
  const componentPort = typeof component === 'number' ? component : (component.address() as AddressInfo).port;
  return startProxy({
    ...{ port: 0, address: '127.0.0.1', componentPort },
    notReady: () => Promise.resolve(undefined),
    observe: () => undefined,
    stopwatch: () => performance.now(),
    ...more,
  });
}
