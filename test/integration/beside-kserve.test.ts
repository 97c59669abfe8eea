import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Container, Pod } from '../../src/contract/pod.ts';
import type { TrainedModel } from '../../src/contract/trained-model.ts';
import { PODS, TRAINED_MODELS } from '../../src/kube/resources.ts';
import { agentScene } from '../support/agent-scene.ts';
import { createModel, modelNames, trainedModel } from '../support/cluster-client.ts';
import { pasteWithKubectl, shellBlocksOf } from '../support/page.ts';
import { eventually } from '../support/eventually.ts';
import { KSERVE_AGENT_IMAGE } from '../support/kserve-install.ts';
import { startKServeCluster } from '../support/kserve-cluster.ts';
import { buildKServeFirst } from '../support/kserve-first.ts';
import type { KServeCluster } from '../support/kserve-cluster.ts';
import { kubectl, kubectlOutcome } from '../support/kubectl.ts';
import { startTestManager } from '../support/manager.ts';
import type { TestManager } from '../support/manager.ts';
import { configured } from '../support/mounted-config.ts';
import { inParallel } from '../support/parallel.ts';
import { report } from '../support/report.ts';

const PAGE = 'docs/beside-kserve.md';
const OUR_IMAGE = 'kserve-mms:0.2.0';

/** Each step continues from the one before, as an operator's steps do. */
describe("with KServe's own manager in the cluster", () => {
  let cluster: KServeCluster;
  let kubeconfig: string;

  buildKServeFirst();

  beforeAll(async () => {
    cluster = await startKServeCluster();
    kubeconfig = cluster.controlPlane.kubeconfigPath;
    await cluster.predictor('sk');
  }, 300_000);

  afterAll(async () => {
    await cluster.stop();
  });

  /** A pod as the Deployment made by KServe would create it, after all webhooks. It is a dry run. */
  async function predictorPod(name: string): Promise<Pod> {
    const json = await kubectl(kubeconfig, 'get', 'deployment', `${name}-predictor`, '-o', 'json');
    const { template } = (JSON.parse(json) as { spec: { template: Pod } }).spec;
    const { labels = {}, annotations = {} } = template.metadata;
    const metadata = { name, namespace: 'default', labels, annotations };
    const created = await cluster.client.create(PODS, { ...template, metadata }, { dryRun: true });
    return created as unknown as Pod;
  }

  const agentsOf = (pod: Pod): readonly Container[] =>
    pod.spec.containers.filter(({ name }) => name === 'agent');

  describe('agent only', () => {
    it("one command to install: KServe's webhook injects our image", async () => {
      expect(agentsOf(await predictorPod('sk')).map(({ image }) => image)).toEqual([KSERVE_AGENT_IMAGE]);
      const [enter = ''] = await shellBlocksOf(PAGE, 'Agent only');
      await pasteWithKubectl(kubeconfig, enter);
      expect(agentsOf(await predictorPod('sk')).map(({ image }) => image)).toEqual([OUR_IMAGE]);
    });

    it('our agent runs with the arguments and environment from KServe', async () => {
      const [agent] = agentsOf(await predictorPod('sk'));
      // The flags that the scene starts the agent with, except directories and ports. There is no command, so the
      // image's entrypoint runs.
      const directories = ['--config-dir', '/mnt/configs', '--model-dir', '/mnt/models'];
      expect(agent?.args).toEqual(['--enable-puller', ...directories, '--component-port', '8080']);
      expect(agent).not.toHaveProperty('command');
      const scene = await agentScene();
      try {
        await scene.config.writeModels([configured('m', scene.source.uri('m'))]);
        const env = (agent?.env ?? []).map(({ name, value = '' }) => [
          name,
          value.replace(/"port":8080/, `"port":${scene.server.port}`),
        ]);
        expect(env.map(([name]) => name)).toContain('SERVING_READINESS_PROBE');
        const running = await scene.start({ env: Object.fromEntries(env) as Record<string, string> });
        await eventually(async () => expect(await running.notReady()).toBeUndefined());
        expect(await scene.infer(running, 'm')).toBe('m');
      } finally {
        await scene.end();
      }
    });

    it("one command to leave: KServe's own agent image is back", async () => {
      const [, leave = ''] = await shellBlocksOf(PAGE, 'Agent only');
      await pasteWithKubectl(kubeconfig, leave);
      expect(agentsOf(await predictorPod('sk')).map(({ image }) => image)).toEqual([KSERVE_AGENT_IMAGE]);
    });
  });

  describe('beside', () => {
    let manager: TestManager;

    beforeAll(async () => {
      const [enter = ''] = await shellBlocksOf(PAGE, 'Beside');
      await pasteWithKubectl(kubeconfig, enter);
      // No node runs the installed Deployment, so the test starts the same manager and registers it by URL.
      manager = await startTestManager({ kubeconfig, args: ['--trained-model-status=beside'] });
    });

    afterAll(async () => {
      await manager.stop();
    });

    const labelled = async (service: string): Promise<string[]> => {
      const labelSelector = `serving.kserve.io/trainedmodel-allocated=${service}`;
      const { items } = await cluster.client.list<TrainedModel>(TRAINED_MODELS, { labelSelector });
      return items.map(({ metadata }) => metadata.name).sort();
    };

    it('a pod gets one agent and one of each volume, whichever webhook runs first', async () => {
      const pod = await predictorPod('sk');
      expect(agentsOf(pod)).toHaveLength(1);
      const volumes = (pod.spec.volumes ?? []).map(({ name }) => name);
      expect(volumes.filter((name) => ['model-config', 'model-dir'].includes(name)).sort()).toEqual([
        'model-config',
        'model-dir',
      ]);
      expect(await manager.metric('mms_injections_total', { reason: 'AlreadyInjected' })).toBe(1);
    });

    it('a burst of models is in models.json long before KServe has labelled them', async () => {
      await cluster.predictor('burst');
      const names = Array.from({ length: 100 }, (_, index) => `burst-${index}`);
      const started = performance.now();
      await inParallel(8, names, async (name) => {
        await createModel(cluster.client, trainedModel(name, 'burst'));
      });
      const created = performance.now();
      await eventually(async () =>
        expect(await modelNames(cluster.client, 'burst')).toEqual([...names].sort()),
      );
      const complete = performance.now();
      await eventually(async () => expect(await labelled('burst')).toHaveLength(names.length), 120_000, 200);
      report('100 TrainedModels at once beside KServe', {
        'until created ms': created - started,
        'until models.json holds all ms': complete - started,
        'until KServe has labelled all ms': performance.now() - started,
      });
      expect(await modelNames(cluster.client, 'burst')).toEqual([...names].sort());
    });

    it('KServe decides which models fit when memory is short', async () => {
      await cluster.predictor('small', '5Gi');
      const names = Array.from({ length: 8 }, (_, index) => `small-${index}`);
      await inParallel(8, names, async (name) => {
        await createModel(cluster.client, trainedModel(name, 'small', { memory: '1Gi' }));
      });
      await eventually(async () => {
        const allocated = await labelled('small');
        expect(allocated).toHaveLength(5);
        expect(await modelNames(cluster.client, 'small')).toEqual(allocated);
      }, 60_000);
    });

    it('a model that moves is removed from its former InferenceService, which KServe does not do', async () => {
      await cluster.predictor('other');
      await createModel(cluster.client, trainedModel('mover', 'sk'));
      await eventually(async () => expect(await modelNames(cluster.client, 'sk')).toEqual(['mover']));
      const body = { spec: { inferenceService: 'other' } };
      const mover = { namespace: 'default', name: 'mover' };
      await cluster.client.patch(TRAINED_MODELS, mover, { type: 'merge', body });
      await eventually(async () => expect(await modelNames(cluster.client, 'other')).toEqual(['mover']));
      await eventually(async () => expect(await modelNames(cluster.client, 'sk')).toEqual([]));
    });

    it('on-demand models: warns that the Service of Standard mode bypasses the agent, and one command adds a Service that does not', async () => {
      await cluster.predictor('flowers');
      await kubectl(kubeconfig, 'annotate', 'isvc', 'flowers', 'kserve-mms/residency=on-demand');
      const portOf = (service: string): Promise<string> =>
        kubectl(kubeconfig, 'get', 'service', service, '-o', 'jsonpath={.spec.ports[0].targetPort}');
      expect(await portOf('flowers-predictor')).toBe('8080');
      const deployment = await kubectl(kubeconfig, 'get', 'deployment', 'flowers-predictor', '-o', 'json');
      const { template } = (JSON.parse(deployment) as { spec: { template: Pod } }).spec;
      const { labels = {}, annotations = {} } = template.metadata;
      const metadata = { name: 'flowers', namespace: 'default', labels, annotations };
      const pod = JSON.stringify({ apiVersion: 'v1', kind: 'Pod', ...template, metadata });
      await eventually(async () => {
        const args = ['create', '--dry-run=server', '-f', '-'];
        const { code, stderr } = await kubectlOutcome(kubeconfig, pod, args);
        expect([code, stderr]).toEqual([
          0,
          expect.stringContaining('flowers-predictor leads past the agent'),
        ]);
      });
      const [expose = ''] = await shellBlocksOf('docs/on-demand.md', 'How requests must come');
      await pasteWithKubectl(kubeconfig, expose);
      expect(await portOf('flowers-mms')).toBe('9081');
      const selector = await kubectl(
        kubeconfig,
        'get',
        'service',
        'flowers-mms',
        '-o',
        'jsonpath={.spec.selector}',
      );
      expect(labels).toMatchObject(JSON.parse(selector) as object);
    });

    it('one command to leave', async () => {
      const [, leave = ''] = await shellBlocksOf(PAGE, 'Beside');
      await manager.stop();
      // A manager outside of the cluster removes its own registration. Without a controller-manager a namespace is
      // never deleted.
      await pasteWithKubectl(kubeconfig, `${leave.trim()} --wait=false --ignore-not-found`);
      await createModel(cluster.client, trainedModel('after', 'sk'));
      await eventually(async () => expect(await modelNames(cluster.client, 'sk')).toEqual(['after']));
    });
  });
});
