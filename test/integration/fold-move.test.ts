import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { getIfThere } from '../../src/kube/get-if-there.ts';
import {
  DEPLOYMENTS,
  ENDPOINT_SLICES,
  INFERENCE_SERVICES,
  SERVICES,
  TRAINED_MODELS,
} from '../../src/kube/resources.ts';
import { agentScene } from '../support/agent-scene.ts';
import type { AgentScene } from '../support/agent-scene.ts';
import type { TestAgent } from '../support/agent.ts';
import { createService, inferenceService } from '../support/cluster-client.ts';
import { runCommand } from '../support/command-run.ts';
import { eventually } from '../support/eventually.ts';
import { mirrorConfigMap } from '../support/kubelet-stand-in.ts';
import { startKServeCluster } from '../support/kserve-cluster.ts';
import type { KServeCluster } from '../support/kserve-cluster.ts';
import { buildKServeFirst } from '../support/kserve-first.ts';
import { kservePrograms } from '../support/kserve-programs.ts';
import { kubectl } from '../support/kubectl.ts';
import { startTestManager } from '../support/manager.ts';
import type { TestManager } from '../support/manager.ts';
import { playNode, playProxy } from '../support/played-node.ts';
import type { PlayedNode, PlayedProxy, ServedBy } from '../support/played-node.ts';
import { whileCalled } from '../support/old-name-callers.ts';
import { OTHERS } from '../support/answers-apart.ts';
import { answerOf } from '../support/v2-server.ts';
import { sized } from '../support/tier.ts';

const LAUNCHER = fileURLToPath(new URL('../../bin/mms.js', import.meta.url));
const MODELS = ['iris', 'rose', 'tulip'] as const;
const CALLERS = 8;

const ALL = [...MODELS, ...Object.keys(OTHERS)];
const SHARED = 'sklearn-shared';

/**
 * KServe's manager and ours are real, and our agent runs as shipped. Kubelet, kube-proxy and the model servers are
 * emulated; the servers answer with the content that they loaded.
 */
describe('mms fold --apply, --retire and --undo in a cluster with KServe', () => {
  let cluster: KServeCluster;
  let manager: TestManager;
  let scene: AgentScene;
  let old: Server;
  let node: PlayedNode;
  let proxy: PlayedProxy;
  let kubeconfig = '';
  let requests = '';
  let shared: TestAgent | undefined;
  let endMirror: () => Promise<void> = () => Promise.resolve();

  buildKServeFirst();

  beforeAll(async () => {
    cluster = await startKServeCluster();
    kubeconfig = cluster.controlPlane.kubeconfigPath;
    manager = await startTestManager({ kubeconfig, args: ['--trained-model-status=beside'] });
    scene = await agentScene();
    old = await startOldServer();
    node = playNode(cluster.client, serve);
    proxy = await playProxy(cluster.client);
    requests = await mkdtemp(join(tmpdir(), 'kserve-mms-fold-move-'));
    const { module } = await kservePrograms();
    await kubectl(kubeconfig, 'apply', '-f', join(module, 'config/runtimes/kserve-mlserver.yaml'));
    for (const name of ALL) {
      const model = {
        modelFormat: { name: 'sklearn' },
        protocolVersion: 'v2',
        storageUri: scene.source.uri(OTHERS[name]?.shared ?? name),
      };
      // The API server calls a new webhook a moment after its registration.
      await eventually(() => createService(cluster.client, inferenceService(name, { model })));
      await writeFile(join(requests, `${name}.json`), '{}');
    }
    for (const name of MODELS) await seenByKubeProxy(name, 1);
  }, 300_000);

  afterAll(async () => {
    await node.stop();
    await proxy.stop();
    await endMirror();
    await scene.end();
    old.closeAllConnections();
    old.close();
    await manager.stop();
    await cluster.stop();
    await rm(requests, { recursive: true, force: true });
  });

  /** One server serves the pods of all single-model InferenceServices. */
  async function startOldServer(): Promise<Server> {
    const server = createServer((request, response) => {
      request.resume();
      const name = /^\/v2\/models\/([^/]+)\/infer$/.exec(request.url ?? '')?.[1];
      if (name === undefined) response.writeHead(404).end();
      else response.end(JSON.stringify(answerOf(name, OTHERS[name]?.own ?? name)));
    });
    await new Promise<void>((resolve) => server.listen(0, '0.0.0.0', resolve));
    return server;
  }

  async function serve(deployment: string): Promise<ServedBy> {
    if (deployment !== `${SHARED}-predictor`) return { port: (old.address() as AddressInfo).port };
    // The previous pod has been deleted with its volumes.
    await shared?.kill('SIGKILL');
    await endMirror();
    endMirror = mirrorConfigMap(cluster.client, `modelconfig-${SHARED}-0`, scene.config);
    shared = await scene.start();
    return shared;
  }

  /** The answer to a client that uses the old name. */
  async function ask(name: string): Promise<string> {
    const response = await fetch(`http://${proxy.pick(`${name}-predictor`)}/v2/models/${name}/infer`, {
      ...{ method: 'POST', body: '{}' },
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${response.status}: ${text}`);
    return (JSON.parse(text) as { content: string }).content;
  }

  /** Calls the old names during the work. */
  function called<T>(what: string, work: () => Promise<T>): Promise<T> {
    const calls = { names: MODELS, callers: CALLERS, pauseMs: 20, ask, expected: (name: string) => name };
    return whileCalled(what, calls, work);
  }

  /** It sees an EndpointSlice a moment after its pods have changed. */
  const seenByKubeProxy = (name: string, pods: number): Promise<void> =>
    eventually(() => expect(proxy.endpointsOf(`${name}-predictor`)).toHaveLength(pods), 60_000);
  const fold = (...args: readonly string[]) => runCommand(['fold', '--kubeconfig', kubeconfig, ...args]);
  const compared = (): string[] => ['--requests', requests];
  const rowsOf = (stdout: string): string[][] =>
    stdout
      .trim()
      .split('\n')
      .slice(1)
      .map((line) => line.split(/ {2,}/).slice(0, 3));
  const at = (name: string) => ({ namespace: 'default', name });
  const replicasOf = async (name: string): Promise<number | undefined> =>
    (await cluster.client.get(DEPLOYMENTS, at(`${name}-predictor`))).spec?.replicas;

  it('moves models with equal answers, and names the others', async () => {
    const { code, stdout, stderr } = await called('fold --apply', () =>
      fold('--apply', ...ALL, ...compared()),
    );
    expect({ rows: rowsOf(stdout), stderr: code === 1 ? '' : stderr }).toEqual({
      rows: ALL.map((name) => [name, SHARED, OTHERS[name]?.state ?? 'Moved']),
      stderr: '',
    });
    for (const name of MODELS) await seenByKubeProxy(name, 2);
    for (const [name, { state, because }] of Object.entries(OTHERS)) {
      expect(stdout).toContain(because);
      await seenByKubeProxy(name, state === 'Moved' ? 2 : 1);
    }
    // The command reports each step.
    expect(stderr).toContain(`InferenceService ${SHARED} made`);
    expect(stderr).toContain('rose: answers are alike (1 request)');
  }, 240_000);

  it("takes a name that both kinds have as the model's, and says so", async () => {
    const { stdout, stderr } = await runCommand(['explain', '--kubeconfig', kubeconfig, 'rose']);
    expect(stdout).toContain('TrainedModel');
    expect(stderr).toContain('mms explain isvc/rose');
  }, 60_000);

  it('does nothing when it runs again', async () => {
    const { code, stderr } = await fold('--apply', ...MODELS, ...compared());
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  }, 60_000);

  it("routes the old names to the shared pods alone, across restarts of KServe's manager and changes of its objects", async () => {
    await called('fold --retire', async () => {
      expect(rowsOf((await fold('--retire', ...MODELS)).stdout)).toEqual(
        MODELS.map((name) => [name, SHARED, 'Retired']),
      );
      for (const name of MODELS) await seenByKubeProxy(name, 1);
      await cluster.kserve().kill('SIGKILL');
      await cluster.startAgain();
      const change = { metadata: { annotations: { 'example.com/changed': 'yes' } } };
      await eventually(() =>
        cluster.client.patch(INFERENCE_SERVICES, at('rose'), { type: 'merge', body: change }),
      );
      // The new manager is active once it has written the change to the Deployment.
      await eventually(async () => {
        const { metadata, spec } = (await cluster.client.get(
          DEPLOYMENTS,
          at('rose-predictor'),
        )) as object as {
          metadata: object;
          spec: { template: object };
        };
        expect(JSON.stringify([metadata, spec.template])).toContain('example.com/changed');
      });
      expect(await Promise.all(MODELS.map(replicasOf))).toEqual([0, 0, 0]);
      const service = await cluster.client.get(SERVICES, at('rose-predictor'));
      expect(service.metadata.deletionTimestamp).toBeUndefined();
    });
  }, 240_000);

  it('routes to the shared pods without KServe, and after a restart of our manager', async () => {
    await manager.kill('SIGKILL');
    await cluster.client.delete(ENDPOINT_SLICES, at(await sliceOf('iris')));
    manager = await startTestManager({ kubeconfig, args: ['--trained-model-status=beside'] });
    await seenByKubeProxy('iris', 1);
    expect(await ask('iris')).toBe('iris');
  }, 120_000);

  const sliceOf = async (name: string): Promise<string> => {
    const labelSelector = `kserve-mms/replaces=${name}`;
    const { items } = await cluster.client.list(ENDPOINT_SLICES, { namespace: 'default', labelSelector });
    return items[0]?.metadata.name ?? '';
  };

  it('undoes everything', async () => {
    const { code, stdout, stderr } = await called('fold --undo', () => fold('--undo', ...ALL));
    expect({ code, rows: rowsOf(stdout), stderr: code === 0 ? '' : stderr }).toEqual({
      ...{ code: 0, stderr: '' },
      rows: ALL.map((name) => [name, SHARED, 'Undone']),
    });
    expect(await Promise.all(MODELS.map(replicasOf))).toEqual([1, 1, 1]);
    for (const name of MODELS) {
      await seenByKubeProxy(name, 1);
      expect(await getIfThere(cluster.client, TRAINED_MODELS, at(name))).toBeUndefined();
    }
    expect(await getIfThere(cluster.client, INFERENCE_SERVICES, at(SHARED))).toBeUndefined();
  }, 240_000);

  it('routes no name to the shared pods after its annotation was removed while no manager ran', async () => {
    expect((await fold('--apply', 'tulip', 'iris', '--skip-comparing')).code).toBe(0);
    await seenByKubeProxy('tulip', 2);
    await manager.kill('SIGKILL');
    await kubectl(kubeconfig, 'annotate', 'trainedmodel', 'tulip', 'kserve-mms/replaces-');
    manager = await startTestManager({ kubeconfig, args: ['--trained-model-status=beside'] });
    await seenByKubeProxy('tulip', 1);
    expect((await fold('--undo', 'tulip', 'iris')).code).toBe(0);
  }, 240_000);

  /**
   * What `mms fold` has reported when the test kills it. The next run waits for its Lease to expire.
   * unit/cli/fold/move-run covers all steps.
   */
  const kills = sized({
    check: {
      apply: ['will also route to the shared'],
      retire: ['scaled to 0'],
      undo: ['only to its own pods'],
    },
    soak: {
      apply: [
        `InferenceService ${SHARED} made`,
        'TrainedModel made',
        'answers are alike',
        'will also route to the shared',
      ],
      retire: ['recorded for --undo', 'scaled to 0'],
      undo: ['scaled to 1', 'only to its own pods', 'its TrainedModel deleted'],
    },
  });

  describe('interrupted', () => {
    /** Starts a separate process, which the test can kill. */
    function start(...args: readonly string[]): { child: ChildProcess; output: () => string } {
      const all = [LAUNCHER, 'fold', '--kubeconfig', kubeconfig, ...args];
      const child = spawn(process.execPath, all, { stdio: ['ignore', 'ignore', 'pipe'] });
      const chunks: Buffer[] = [];
      child.stderr.on('data', (chunk: Buffer) => chunks.push(chunk));
      return { child, output: () => Buffer.concat(chunks).toString('utf8') };
    }

    async function killedAfter(words: string, ...args: readonly string[]): Promise<void> {
      const { child, output } = start(...args);
      const exited = once(child, 'exit');
      await eventually(() => expect(output()).toContain(words), 60_000, 5);
      child.kill('SIGKILL');
      await exited;
    }

    it(
      'by kill -9, the next run continues',
      async () => {
        const apply = ['--apply', ...MODELS, ...compared()];
        await called('fold killed and run again', async () => {
          for (const words of kills.apply) await killedAfter(words, ...apply);
          const { code, stderr } = await fold(...apply);
          expect({ code, stderr: code === 0 ? '' : stderr }).toEqual({ code: 0, stderr: '' });
          for (const words of kills.retire) await killedAfter(words, '--retire', 'rose');
          expect((await fold('--retire', 'rose')).code).toBe(0);
          await seenByKubeProxy('rose', 1);
          for (const words of kills.undo) await killedAfter(words, '--undo', ...MODELS);
          const undone = await fold('--undo', ...MODELS);
          expect({ code: undone.code, stderr: undone.code === 0 ? '' : undone.stderr }).toEqual({
            code: 0,
            stderr: '',
          });
        });
        expect(await getIfThere(cluster.client, INFERENCE_SERVICES, at(SHARED))).toBeUndefined();
        expect(await replicasOf('rose')).toBe(1);
      },
      sized({ check: 300_000, soak: 900_000 }),
    );

    it('by another run: the second refuses and names the first', async () => {
      const { child, output } = start('--apply', ...MODELS, ...compared());
      const exited = once(child, 'exit');
      await eventually(() => expect(output()).toContain(`InferenceService ${SHARED} made`), 60_000, 5);
      const second = await fold('--apply', ...MODELS, ...compared());
      child.kill('SIGKILL');
      await exited;
      expect(second.code).toBe(1);
      expect(second.stderr).toMatch(/mms-fold\/\S+ is moving InferenceServices of namespace default/);
    }, 120_000);
  });
});
