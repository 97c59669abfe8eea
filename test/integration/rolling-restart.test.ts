import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { ControlPlane } from '../../src/development/controlplane/control-plane.ts';
import type { ApiClient } from '../../src/kube/api-client.ts';
import { clientFor } from '../support/api-access.ts';
import { admitMeanwhile } from '../support/admission-load.ts';
import type { AdmissionLoad } from '../support/admission-load.ts';
import { createService, inferenceService } from '../support/cluster-client.ts';
import { testControlPlane } from '../support/control-plane.ts';
import { startEndpointsBalancer } from '../support/endpoints-balancer.ts';
import type { EndpointsBalancer } from '../support/endpoints-balancer.ts';
import { eventually } from '../support/eventually.ts';
import { kubectl } from '../support/kubectl.ts';
import { startTestManager } from '../support/manager.ts';
import type { TestManager } from '../support/manager.ts';
import { dryRunContainers, predictorPod } from '../support/predictor-pod.ts';
import { manifests } from '../support/rendered.ts';
import { report } from '../support/report.ts';
import { sized } from '../support/tier.ts';
import { ROUTED, routeWebhook } from '../support/webhook-route.ts';

/** The delay of endpoints; a healthy cluster takes some hundred milliseconds. */
const NEWS_TAKE_MS = 2000;
const DRAIN_SECONDS = 5;
const TURNS = sized({ check: 2, soak: 5 });
const CALLERS = 4;

describe('managers in the cluster, behind their Service, with failurePolicy Fail', () => {
  let controlPlane: ControlPlane;
  let client: ApiClient;
  let balancer: EndpointsBalancer;
  const managers: TestManager[] = [];

  beforeAll(async () => {
    controlPlane = await testControlPlane({ apiServerFlags: ROUTED });
    client = clientFor(controlPlane);
    balancer = await startEndpointsBalancer(NEWS_TAKE_MS);
    await kubectl(controlPlane.kubeconfigPath, 'apply', '-k', manifests('default'));
    await routeWebhook(client, [balancer.port]);
    for (let count = 0; count < 2; count += 1) await startOne();
    await createService(client, inferenceService('sk'));
    await eventually(async () =>
      expect(await dryRunContainers(client, predictorPod('a', 'sk'))).toContain('agent'),
    );
  });

  afterAll(async () => {
    // A graceful end would drain once more.
    for (const manager of managers) await manager.kill('SIGKILL');
    await balancer.close();
    await client.close();
    await controlPlane.stop();
  });

  async function startOne(): Promise<void> {
    const manager = await startTestManager({
      ...{ kubeconfig: controlPlane.kubeconfigPath, inCluster: true },
      args: ['--drain-seconds', String(DRAIN_SECONDS)],
    });
    await balancer.add(manager.ports.webhook);
    managers.push(manager);
  }

  const load = (work: () => Promise<void>): Promise<AdmissionLoad> =>
    admitMeanwhile({ client, service: 'sk', callers: CALLERS }, work);

  it(`are replaced ${TURNS} times, one by one, and refuse no pod`, async () => {
    const exits: (number | null)[] = [];
    const { admissions, failures } = await load(async () => {
      for (let turn = 0; turn < TURNS; turn += 1) {
        await startOne();
        const old = managers.shift()!;
        // Both at once, as in a cluster: the endpoint is removed when the process gets SIGTERM.
        const [code] = await Promise.all([old.stop(), balancer.remove(old.ports.webhook)]);
        exits.push(code);
      }
    });
    const passed = [...balancer.passed.values()];
    report(`${TURNS} managers replaced under load`, { admissions, failures: failures.length });
    expect(failures).toEqual([]);
    expect(exits).toEqual(Array.from({ length: TURNS }, () => 0));
    // Each manager was called.
    expect(passed).toHaveLength(TURNS + 2);
    expect(admissions).toBeGreaterThan(TURNS * 10);
  }, 600_000);

  it('refuse no pod after one is killed, once its endpoint is removed', async () => {
    const killed = managers.shift()!;
    await load(() =>
      Promise.all([killed.kill('SIGKILL'), balancer.remove(killed.ports.webhook)]).then(() => undefined),
    );
    const { admissions, failures } = await load(() => startOne());
    report('after kill -9 of one of two', { admissions, failures: failures.length });
    expect(failures).toEqual([]);
    expect(admissions).toBeGreaterThan(10);
  });
});
