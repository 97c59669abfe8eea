import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Check } from '../../src/cli/check/checks.decide.ts';
import { predictConstantly } from '../../src/development/demo/predict.ts';
import type { Prediction } from '../../src/development/demo/predict.ts';
import { runCommand } from '../support/command-run.ts';
import { eventually } from '../support/eventually.ts';
import { report } from '../support/report.ts';
import { unpacked } from '../support/unpacked.ts';
import { MLSERVER_IMAGE } from './support/images.ts';
import { SYSTEM_NAMESPACE } from './support/installation.ts';
import { modelsScene } from './support/models-scene.ts';
import type { ModelsScene } from './support/models-scene.ts';
import { apply, run, thisNode } from './support/this-node.ts';

const NAMESPACE = 'mms-serving';

describe('models of an InferenceService on a real node', () => {
  let scene: ModelsScene;
  const mms = (command: string, ...args: readonly string[]) =>
    runCommand([command, '-n', scene.namespace, '--kubeconfig', thisNode().kubeconfig, ...args]);
  // Nothing to end if the scene could not be started.
  let endScene = (): Promise<void> => Promise.resolve();
  const one = { status: 200, value: 1 };
  const two = { status: 200, value: 2 };

  beforeAll(async () => {
    scene = await modelsScene(NAMESPACE);
    endScene = scene.end;
  });

  afterAll(() => endScene());

  it.each([SYSTEM_NAMESPACE, NAMESPACE])(
    'runs in %s, which refuses a pod that is not restricted',
    async (namespace) => {
      const spec = { containers: [{ name: 'careless', image: MLSERVER_IMAGE }] };
      const pod = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'careless', namespace }, spec };
      await expect(apply(pod)).rejects.toThrow('violates PodSecurity "restricted');
    },
  );

  it('passes mms check', async () => {
    const { code, stdout } = await mms('check', '-o', 'json');
    const { checks } = JSON.parse(stdout) as { checks: Check[] };
    expect(checks.filter(({ outcome }) => outcome !== 'ok')).toEqual([]);
    expect(code).toBe(0);
  });

  it('injects an agent into its pods', async () => {
    expect(await scene.containers()).toEqual([['kserve-container', 'agent']]);
  });

  it('answers for a model through the Service', async () => {
    await scene.applyModel('one', await scene.store('one', 1));
    await eventually(async () => expect(await scene.ask('one')).toEqual(one), 150_000);
  });

  it('answers from every replica after scaling to three and back to one', async () => {
    const load = predictConstantly(() => scene.ask('one'), 2);
    await scene.scale(3);
    expect(await scene.askEveryPod('one')).toEqual([one, one, one]);
    await scene.scale(1);
    report('one replica, three and one again under constant requests', await load.stop());
    expect(await scene.askEveryPod('one')).toEqual([one]);
    expect(await scene.ask('one')).toEqual(one);
  });

  it('updates a model without a failed request', async () => {
    const failures: { readonly status: number; readonly afterMs: number }[] = [];
    const started = performance.now();
    const ask = async (): Promise<Prediction> => {
      const answer = await scene.ask('one');
      if (answer.status !== 200)
        failures.push({ status: answer.status, afterMs: performance.now() - started });
      return answer;
    };
    const load = predictConstantly(ask, 2);
    await eventually(() => expect(load.asked).toBeGreaterThan(50));
    await scene.applyModel('one', await scene.store('one-v2', 2));
    await eventually(async () => expect(await scene.ask('one')).toEqual(two), 150_000);
    const { asked, failed } = await load.stop();
    report('an update under constant requests through the Service', { asked, failed });
    expect(failures).toEqual([]);
  });

  it('is loaded, requested, counted and unloaded by mms through the API server', async () => {
    const model = ['--framework', 'sklearn', '--memory', '10Mi', '--timeout', '90s'];
    const uri = await scene.store('three', 1);
    const loaded = await mms('load', 'three', '-i', scene.service, '-u', uri, ...model);
    expect(loaded).toMatchObject({ code: 0, stdout: 'trainedmodel/three created\n' });
    const input = { name: 'input', shape: [1, 1], datatype: 'FP64', data: [0] };
    const asked = await mms('infer', 'three', '-d', JSON.stringify({ inputs: [input] }));
    expect(asked.stderr).toMatch(/^200 from pod /);
    expect(JSON.parse(asked.stdout)).toMatchObject({ model_name: 'three', outputs: [{ data: [1] }] });
    const top = await mms('top', scene.service, '-o', 'json');
    const { models } = JSON.parse(top.stdout) as { models: { name: string }[] };
    expect(models.find(({ name }) => name === 'three')).toMatchObject({
      ...{ requests: 1, errors: 0, pods: { told: 1, total: 1 }, p99Ms: expect.any(Number) },
    });
    const unloaded = await mms('unload', 'three', '--timeout', '90s');
    expect(unloaded).toMatchObject({
      code: 0,
      stderr: expect.stringMatching(/three: unloaded everywhere\n$/),
    });
    expect((await scene.ask('three')).status).toBe(404);
  });

  it('is collected by mms diagnostics, with the status of the agents and the logs of agent and manager', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'mms-diagnostics-'));
    try {
      const file = join(directory, 'diagnostics.tar.gz');
      expect(await mms('diagnostics', '--file', file)).toMatchObject({ code: 0, stdout: `${file}\n` });
      const files = [...(await unpacked(file))];
      const textsOf = (prefix: string) => files.filter(([path]) => path.startsWith(prefix)).join('\n');
      expect(textsOf(`agents/${scene.namespace}/`)).toMatch(/"name": ?"one"/);
      expect(textsOf(`logs/${scene.namespace}/`)).toContain('"msg":"loaded"');
      expect(textsOf(`logs/${SYSTEM_NAMESPACE}/`)).toContain('ConfigMap written');
    } finally {
      await rm(directory, { recursive: true });
    }
  });

  it('unloads a deleted model, and keeps the others', async () => {
    await scene.applyModel('other', await scene.store('other', 1));
    await eventually(async () => expect(await scene.ask('other')).toEqual(one), 150_000);
    await run('-n', scene.namespace, 'delete', 'trainedmodel', 'one');
    await eventually(async () => expect((await scene.ask('one')).status).toBe(404), 150_000);
    expect(await scene.ask('other')).toEqual(one);
  });

  it('leaves the TrainedModels, and no ConfigMap, when the InferenceService is deleted', async () => {
    const names = (kind: string) => run('-n', scene.namespace, 'get', kind, '-o', 'name');
    await run('-n', scene.namespace, 'delete', 'inferenceservice', scene.service);
    await eventually(async () => expect(await names('configmap')).not.toContain('modelconfig-'));
    expect(await names('trainedmodel')).toBe('trainedmodel.serving.kserve.io/other\n');
  });
});
