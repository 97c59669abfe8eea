import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { setTimeout as delay } from 'node:timers/promises';
import type { ApiClient } from '../../src/kube/api-client.ts';
import { isApiError } from '../../src/kube/api-error.ts';
import { SECRETS } from '../../src/kube/resources.ts';
import { admitMeanwhile } from '../support/admission-load.ts';
import { createService, inferenceService } from '../support/cluster-client.ts';
import { eventually } from '../support/eventually.ts';
import { startManagedCluster } from '../support/managed-cluster.ts';
import type { ManagedCluster } from '../support/managed-cluster.ts';
import type { TestManager } from '../support/manager.ts';
import { dryRunContainers, predictorPod } from '../support/predictor-pod.ts';
import { report } from '../support/report.ts';
import { sized } from '../support/tier.ts';

const SECONDS = sized({ check: 15, soak: 60 });
const SWAP_EVERY = 5_000;
const CALLERS = 4;
const SECRET = { namespace: 'kserve-mms-system', name: 'kserve-mms-webhook-certificate' };

describe(`certificates swapped every 5 s for ${SECONDS} s under load`, () => {
  let cluster: ManagedCluster;
  let manager: TestManager;
  let client: ApiClient;

  beforeAll(async () => {
    cluster = await startManagedCluster();
    ({ client, manager } = cluster);
    await createService(client, inferenceService('sk'));
    await eventually(async () => expect(await admitted()).toBe(true));
  });

  afterAll(async () => {
    await cluster.stop();
  });

  const admitted = async (): Promise<boolean> =>
    (await dryRunContainers(client, predictorPod('a', 'sk'))).includes('agent');

  it('fail no admission', async () => {
    const until = performance.now() + SECONDS * 1000;
    let swaps = 0;
    const { admissions, failures } = await admitMeanwhile(
      { client, service: 'sk', callers: CALLERS },
      async () => {
        while (performance.now() < until) {
          // The hardest case: the Secret is deleted with its CA, and the manager has to make all of it again.
          await client.delete(SECRETS, SECRET).catch((thrown: unknown) => {
            if (!isApiError(thrown, 'API_NOT_FOUND')) throw thrown;
          });
          swaps += 1;
          await delay(SWAP_EVERY);
        }
      },
    );
    const served = manager
      .log()
      .split('\n')
      .filter((line) => line.includes('serving a certificate')).length;
    report(`certificate swaps for ${SECONDS} s`, {
      swaps,
      'certificates served': served,
      admissions,
      failures: failures.length,
    });
    expect(failures).toEqual([]);
    expect(admissions).toBeGreaterThan(0);
    expect(served).toBeGreaterThan(1);
  });
});
