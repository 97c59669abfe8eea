import { beforeAll, describe, expect, it } from '@jest/globals';
import { eventually } from '../support/eventually.ts';
import { install, uninstall } from './support/installation.ts';
import { multiModelService, restrictedNamespace, unplacedPredictorPod } from './support/predictor.ts';
import { apply, run } from './support/this-node.ts';

const NAMESPACE = 'mms-uninstall';

describe('uninstalling', () => {
  beforeAll(async () => {
    await install();
    await apply(restrictedNamespace(NAMESPACE));
    const account = {
      apiVersion: 'v1',
      kind: 'ServiceAccount',
      metadata: { name: 'models', namespace: NAMESPACE },
    };
    await apply(account, multiModelService(NAMESPACE, 'flowers'));
    await eventually(async () => expect(await everything()).toContain('configmap/modelconfig-flowers-0'));
    await uninstall();
  });

  it('leaves no object of ours', async () => {
    await eventually(async () => {
      const left = (await everything()).filter((name) =>
        /kserve-mms|modelconfig-|serving\.kserve\.io/.test(name),
      );
      expect(left).toEqual([]);
    }, 60_000);
  });

  it('leaves nothing in the way of pods', async () => {
    const pod = unplacedPredictorPod(NAMESPACE, 'flowers', 'left');
    await apply({ apiVersion: 'v1', kind: 'Pod', ...pod });
    const containers = await run(
      '-n',
      NAMESPACE,
      'get',
      'pod',
      'left',
      '-o',
      'jsonpath={.spec.containers[*].name}',
    );
    expect(containers).toBe('kserve-container');
    await run('delete', 'namespace', NAMESPACE, '--timeout=120s');
  });

  /** The name of every object of every kind, but of what only tells what has been. */
  async function everything(): Promise<string[]> {
    const kinds = (await run('api-resources', '--verbs=list', '-o', 'name')).trim().split('\n');
    const lasting = kinds.filter((kind) => !/^events(\.|$)|^endpoints$/.test(kind));
    const names = await run('get', lasting.join(','), '--all-namespaces', '--ignore-not-found', '-o', 'name');
    return names.trim().split('\n');
  }
});
