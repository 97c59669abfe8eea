import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { eventually } from '../support/eventually.ts';
import { follow } from './support/installation.ts';
import { modelsScene } from './support/models-scene.ts';
import type { ModelsScene } from './support/models-scene.ts';
import { unplacedPredictorPod } from './support/predictor.ts';
import { apply, run } from './support/this-node.ts';

const NAMESPACE = 'mms-uninstall';

describe('uninstalling while models are served', () => {
  const answer = { status: 200, value: 1 };
  let scene: ModelsScene;
  // Nothing to end if the scene could not be started.
  let endScene = (): Promise<void> => Promise.resolve();

  beforeAll(async () => {
    scene = await modelsScene(NAMESPACE);
    endScene = scene.end;
    await scene.applyModel('kept', await scene.store('kept', 1));
    await eventually(async () => expect(await scene.ask('kept')).toEqual(answer), 150_000);
    await follow('README.md', 'Uninstall it');
  });

  afterAll(() => endScene());

  it('leaves no object of ours', async () => {
    await eventually(async () => expect(await namesLike(/kserve-mms/)).toEqual([]), 60_000);
  });

  it('leaves the models, which are still served', async () => {
    expect(await namesLike(/^(inferenceservice|trainedmodel)\./)).toEqual([
      'inferenceservice.serving.kserve.io/flowers',
      'trainedmodel.serving.kserve.io/kept',
    ]);
    expect(await scene.ask('kept')).toEqual(answer);
  });

  it('blocks no pod; pods start without an agent', async () => {
    await apply({ apiVersion: 'v1', kind: 'Pod', ...unplacedPredictorPod(NAMESPACE, 'flowers', 'later') });
    const names = ['-o', 'jsonpath={.spec.containers[*].name}'];
    expect(await run('-n', NAMESPACE, 'get', 'pod', 'later', ...names)).toBe('kserve-container');
  });

  it('leaves no trace if the models are removed too', async () => {
    await follow('docs/install.md', 'Remove the models, too');
    await eventually(async () => expect(await namesLike(/kserve|modelconfig-|flowers/)).toEqual([]), 60_000);
  });

  /** The names of all objects except events and endpoints, which only record other objects. */
  async function namesLike(pattern: RegExp): Promise<string[]> {
    const kinds = (await run('api-resources', '--verbs=list', '-o', 'name')).trim().split('\n');
    const lasting = kinds.filter((kind) => !/^events(\.|$)|^endpoints$/.test(kind)).join(',');
    const all = await run('get', lasting, '--all-namespaces', '--ignore-not-found', '-o', 'name');
    return all
      .trim()
      .split('\n')
      .filter((name) => pattern.test(name));
  }
});
