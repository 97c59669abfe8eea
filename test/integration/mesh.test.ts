import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Container, Pod } from '../../src/contract/pod.ts';
import { WEBHOOK_CONFIGURATION } from '../../src/contract/names.ts';
import type { ApiClient } from '../../src/kube/api-client.ts';
import { PODS } from '../../src/kube/resources.ts';
import type { AdmissionServer } from '../../src/admission/admission-server.ts';
import { startLoopbackServer } from '../support/admission-server.ts';
import { createService, inferenceService } from '../support/cluster-client.ts';
import { eventually } from '../support/eventually.ts';
import { startManagedCluster } from '../support/managed-cluster.ts';
import type { ManagedCluster } from '../support/managed-cluster.ts';
import {
  meshNamespace,
  ourConfiguration,
  registerInjector,
  registerOursAs,
} from '../support/mesh-cluster.ts';
import {
  asHandler,
  injectAsIstio,
  injectAsLinkerd,
  ISTIO_STATUS_PORT,
  ISTIO_USER,
  LINKERD_USER,
} from '../support/mesh-injectors.ts';
import { pasteWithKubectl, shellBlocksOf } from '../support/page.ts';
import { dryRunPod, predictorPod } from '../support/predictor-pod.ts';

const MODEL_SERVER_USER = 1000;
const OWN_PROBE = { path: '/v2/health/ready', port: 8080 };
const KNATIVE_HEADER = [{ name: 'K-Network-Probe', value: 'queue' }];
/** The agent's probe as our webhook writes it, and as Istio's injector redirects it to pilot-agent. */
const AS_WRITTEN = { path: '/', port: 9081, scheme: 'HTTP', httpHeaders: KNATIVE_HEADER };
const BY_PILOT_AGENT = {
  ...AS_WRITTEN,
  ...{ path: '/app-health/agent/readyz', port: ISTIO_STATUS_PORT },
};

const HOLD = { 'proxy.istio.io/config': '{"holdApplicationUntilProxyStarts":true}' };
const ISTIO_NATIVE = { 'sidecar.istio.io/nativeSidecar': 'true' };
const LINKERD_LAST = { 'config.linkerd.io/proxy-await': 'disabled' };
const LINKERD_NATIVE = { 'config.beta.linkerd.io/proxy-enable-native-sidecar': 'true' };

/** Istio's users write its container into a pod to change it; Linkerd's users do not. */
const ISTIOS_OWN: Container = {
  name: 'istio-proxy',
  image: 'auto',
  readinessProbe: { httpGet: { path: '/healthz/ready', port: 15_021 } },
  securityContext: { runAsUser: ISTIO_USER },
};

const MODEL_SERVER_AND_AGENT = ['kserve-container', 'agent'];

describe('pods that a service mesh injects too', () => {
  let cluster: ManagedCluster;
  let client: ApiClient;
  let injectors: AdmissionServer & { ca: string };

  beforeAll(async () => {
    cluster = await startManagedCluster();
    ({ client } = cluster);
    injectors = await startLoopbackServer({
      handlers: new Map([
        ['/istio', asHandler(injectAsIstio)],
        ['/linkerd', asHandler(injectAsLinkerd)],
      ]),
    });
    const at = (path: string): { url: string; ca: string } => ({
      url: `https://127.0.0.1:${injectors.port}${path}`,
      ca: injectors.ca,
    });
    const meshes = [
      ['istio', 'istio-sidecar-injector', 'Never', '/istio'],
      ['istio-again', 'istio-sidecar-injector-again', 'IfNeeded', '/istio'],
      ['linkerd', 'linkerd-proxy-injector-webhook-config', 'Never', '/linkerd'],
      ['linkerd-again', 'linkerd-proxy-injector-webhook-config-again', 'IfNeeded', '/linkerd'],
      ['istio-before-ours', 'istio-sidecar-injector-before', 'Never', '/istio'],
    ] as const;
    for (const [mesh, name, reinvocationPolicy, path] of meshes) {
      await registerInjector(client, { name, reinvocationPolicy, mesh, ...at(path) });
      // The manager ignores the namespace where our webhook runs after Istio's.
      const hidden = mesh === 'istio-before-ours' ? { 'control-plane': 'test' } : {};
      await meshNamespace(client, mesh, { mesh, ...hidden });
      await createService(client, inferenceService('flowers', undefined, mesh));
    }
    await meshNamespace(client, 'mms-example', { mesh: 'istio' });
    await createService(client, inferenceService('flowers', undefined, 'mms-example'));
    await registerOursAs(client, 'kserve-mms', 'istio-before-ours', await ourConfiguration(client));
    for (const [mesh] of meshes) {
      await eventually(async () =>
        expect(names(await injected(mesh))).toEqual(expect.arrayContaining(MODEL_SERVER_AND_AGENT)),
      );
    }
  }, 120_000);

  afterAll(async () => {
    await injectors.stop();
    await cluster.stop();
  });

  const injected = (
    mesh: string,
    annotations: Record<string, string> = {},
    change: (pod: Pod) => void = () => undefined,
  ): Promise<Pod> =>
    dryRunPod(
      client,
      predictorPod('flowers-predictor', 'flowers', (pod) => {
        pod.metadata = { ...pod.metadata, namespace: mesh, annotations };
        for (const container of pod.spec.containers)
          container.securityContext = { runAsUser: MODEL_SERVER_USER };
        change(pod);
      }),
    );

  function expectAgentsOwn(pod: Pod, user: number): void {
    const agent = containerOf(pod, 'agent');
    expect(agent.securityContext).toEqual({ runAsUser: MODEL_SERVER_USER });
    expect(agent.securityContext?.['runAsUser']).not.toBe(user);
    const mirrored = agent.env?.find(({ name }) => name === 'SERVING_READINESS_PROBE')?.value;
    expect((JSON.parse(mirrored ?? 'null') as { httpGet: object }).httpGet).toMatchObject(OWN_PROBE);
  }

  describe.each(['istio', 'istio-again'])("as Istio's injector does (%s)", (mesh) => {
    it.each<[string, Record<string, string>, string[]]>([
      ['with its proxy last', {}, [...MODEL_SERVER_AND_AGENT, 'istio-proxy']],
      ['with its proxy first', HOLD, ['istio-proxy', ...MODEL_SERVER_AND_AGENT]],
      ['with its proxy as a native sidecar', ISTIO_NATIVE, MODEL_SERVER_AND_AGENT],
    ])("have the agent's probe redirected to pilot-agent, %s", async (_, annotations, order) => {
      const pod = await injected(mesh, annotations);
      expect(names(pod)).toEqual(order);
      expect(containerOf(pod, 'agent').readinessProbe?.httpGet).toEqual(BY_PILOT_AGENT);
      expectAgentsOwn(pod, ISTIO_USER);
    });

    it("do not mix up the agent with a proxy that the pod's author put first", async () => {
      const pod = await injected(mesh, {}, ({ spec }) => spec.containers.unshift(ISTIOS_OWN));
      expect(containerOf(pod, 'agent').readinessProbe?.httpGet).toEqual(BY_PILOT_AGENT);
      expectAgentsOwn(pod, ISTIO_USER);
    });
  });

  describe.each(['linkerd', 'linkerd-again'])("as Linkerd's injector does (%s)", (mesh) => {
    it.each<[string, Record<string, string>, string[]]>([
      ['with its proxy first', {}, ['linkerd-proxy', ...MODEL_SERVER_AND_AGENT]],
      ['with its proxy last', LINKERD_LAST, [...MODEL_SERVER_AND_AGENT, 'linkerd-proxy']],
      ['with its proxy as a native sidecar', LINKERD_NATIVE, MODEL_SERVER_AND_AGENT],
    ])("have the agent's probe unchanged, %s", async (_, annotations, order) => {
      const pod = await injected(mesh, annotations);
      expect(names(pod)).toEqual(order);
      expect(containerOf(pod, 'agent').readinessProbe?.httpGet).toEqual(AS_WRITTEN);
      expectAgentsOwn(pod, LINKERD_USER);
    });
  });

  it('show the order of the webhooks with the commands of the page', async () => {
    const pod = predictorPod('flowers-predictor', 'flowers', (made) => {
      made.metadata = { ...made.metadata, namespace: 'mms-example' };
      for (const container of made.spec.containers)
        container.securityContext = { runAsUser: MODEL_SERVER_USER };
    });
    await client.create(PODS, pod);
    const script = (await shellBlocksOf('docs/service-mesh.md', 'Check it')).join('\n');
    const output = await pasteWithKubectl(cluster.controlPlane.kubeconfigPath, script);
    const lines = output
      .trim()
      .split('\n')
      .map((line) => line.replace(/^.*\//, ''));
    const order = [WEBHOOK_CONFIGURATION, 'istio-sidecar-injector', 'linkerd-proxy-injector-webhook-config'];
    expect(lines.filter((line) => order.includes(line))).toEqual(order);
    expect(output).toContain('"path":"/app-health/agent/readyz"');
    expect(output).toContain(`"runAsUser":${MODEL_SERVER_USER}`);
  });

  it("would have a probe that Istio never redirects if our configuration sorted after Istio's", async () => {
    const pod = await injected('istio-before-ours', HOLD);
    expect(names(pod)).toEqual(['istio-proxy', ...MODEL_SERVER_AND_AGENT]);
    expect(containerOf(pod, 'agent').readinessProbe?.httpGet).toEqual(AS_WRITTEN);
    // Even then the agent gets nothing of the proxy. It mirrors the model server's probe as Istio has rewritten it.
    const agent = containerOf(pod, 'agent');
    expect(agent.securityContext).toEqual({ runAsUser: MODEL_SERVER_USER });
    expect(agent.env?.[0]?.value).toContain('/app-health/kserve-container/readyz');
  });
});

function names({ spec }: Pod): string[] {
  return spec.containers.map(({ name }) => name);
}

function containerOf({ spec }: Pod, name: string): Container {
  const found = spec.containers.find((container) => container.name === name);
  if (found === undefined) throw new Error(`no container ${name} in ${JSON.stringify(spec.containers)}`);
  return found;
}
