import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { ControlPlane } from '../../src/development/controlplane/control-plane.ts';
import { WEBHOOK_CONFIGURATION } from '../../src/contract/names.ts';
import type { ApiClient } from '../../src/kube/api-client.ts';
import { isApiError } from '../../src/kube/api-error.ts';
import { MUTATING_WEBHOOK_CONFIGURATIONS } from '../../src/kube/resources.ts';
import {
  createModel,
  createService,
  inferenceService,
  modelNames,
  trainedModel,
} from '../support/cluster-client.ts';
import { clientFor } from '../support/api-access.ts';
import { testControlPlane } from '../support/control-plane.ts';
import { eventually } from '../support/eventually.ts';
import { startTestManager } from '../support/manager.ts';
import type { TestManager } from '../support/manager.ts';
import { dryRunContainers, predictorPod } from '../support/predictor-pod.ts';
import { report } from '../support/report.ts';
import { reviewAt } from '../support/admission-review.ts';

describe('two managers', () => {
  let controlPlane: ControlPlane;
  let client: ApiClient;
  const managers: TestManager[] = [];

  beforeAll(async () => {
    controlPlane = await testControlPlane();
    client = clientFor(controlPlane);
    for (let count = 0; count < 2; count += 1) {
      managers.push(await startTestManager({ kubeconfig: controlPlane.kubeconfigPath }));
    }
    await createService(client, inferenceService('shared'));
    await eventually(async () => expect(await modelNames(client, 'shared')).toEqual([]));
  });

  afterAll(async () => {
    for (const manager of managers) await manager.stop();
    await client.close();
    await controlPlane.stop();
  });

  const leaders = async (): Promise<number[]> =>
    Promise.all(managers.map((manager) => manager.metric('mms_leader')));
  const configMapWrites = (manager: TestManager): Promise<number> =>
    manager.metric('mms_api_requests_total', { verb: 'update', resource: 'configmaps' });

  it('both answer reviews, and one of them writes', async () => {
    expect((await leaders()).toSorted()).toEqual([0, 1]);
    for (const { ports } of managers) {
      const { response } = await reviewAt(ports.webhook, predictorPod('a', 'shared'));
      expect(response).toMatchObject({ allowed: true, patchType: 'JSONPatch' });
    }
    await createModel(client, trainedModel('m1', 'shared'));
    await eventually(async () => expect(await modelNames(client, 'shared')).toEqual(['m1']));
    const [first, second] = await Promise.all(managers.map(configMapWrites));
    expect([first, second].toSorted()).toEqual([0, 1]);
  });

  it('continue when the leader is killed: the other leads, writes and admits', async () => {
    const leading = (await leaders()).indexOf(1);
    const [leader] = managers.splice(leading, 1);
    const [follower] = managers;
    const killed = performance.now();
    await leader!.kill('SIGKILL');
    await createModel(client, trainedModel('m2', 'shared'));
    await eventually(async () => expect(await modelNames(client, 'shared')).toEqual(['m1', 'm2']), 200_000);
    const took = (performance.now() - killed) / 1000;
    expect(await follower!.metric('mms_leader')).toBe(1);
    await eventually(async () => {
      expect(await dryRunContainers(client, predictorPod('a', 'shared'))).toContain('agent');
    });
    report('kill -9 of the leader', {
      'written by the other after (s)': took,
      'admitted by the other after (s)': (performance.now() - killed) / 1000,
    });
    // Ten times what was measured.
    expect(took).toBeLessThan(150);
  });

  it('leave no webhook behind after a graceful end', async () => {
    expect(await managers[0]!.stop()).toBe(0);
    const gone: unknown = await client
      .get(MUTATING_WEBHOOK_CONFIGURATIONS, { name: WEBHOOK_CONFIGURATION })
      .catch((thrown: unknown) => thrown);
    expect(isApiError(gone, 'API_NOT_FOUND')).toBe(true);
    expect(await dryRunContainers(client, predictorPod('a', 'shared'))).toEqual(['kserve-container']);
  });
});
