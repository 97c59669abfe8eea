import { proxyBefore } from './proxy-before.ts';
import type { Proxy } from '../../src/agent/proxy/proxy-server.ts';
import { startKServeAgent } from './kserve-agent.ts';
import type { KServeAgent } from './kserve-agent.ts';
import { startRecordingComponent } from './recording-component.ts';
import type { RecordingComponent } from './recording-component.ts';

/** KServe's real agent and our proxy, each before a component that records its requests. */
export interface ProxyPair {
  readonly theirs: KServeAgent;
  readonly ours: Proxy;
  readonly components: { readonly theirs: RecordingComponent; readonly ours: RecordingComponent };
  stop(): Promise<void>;
}

export async function startProxyPair(): Promise<ProxyPair> {
  const components = { theirs: await startRecordingComponent(), ours: await startRecordingComponent() };
  const theirs = await startKServeAgent(components.theirs.port);
  const ours = await proxyBefore(components.ours.port);
  return {
    ...{ theirs, ours, components },
    async stop() {
      await ours.close(AbortSignal.abort());
      await theirs.stop();
      components.theirs.close();
      components.ours.close();
    },
  };
}
