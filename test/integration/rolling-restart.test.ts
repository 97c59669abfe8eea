import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { fileURLToPath } from 'node:url';
import type { ControlPlane } from '../../src/controlplane/control-plane.ts';
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
import { report } from '../support/report.ts';
import { sized } from '../support/tier.ts';

/** How late endpoints follow: a healthy cluster takes some hundred milliseconds. */
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
    controlPlane = await testControlPlane();
    client = clientFor(controlPlane);
    balancer = await startEndpointsBalancer(NEWS_TAKE_MS);
    await installBehind(controlPlane.kubeconfigPath, balancer.port);
    for (let count = 0; count < 2; count += 1) await startOne();
    await createService(client, inferenceService('sk'));
    await eventually(async () =>
      expect(await dryRunContainers(client, predictorPod('a', 'sk'))).toContain('agent'),
    );
  });

  afterAll(async () => {
    // Not in order, which would take the drain once more.
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

  it(`are replaced ${TURNS} times, one by one, and no pod is turned away`, async () => {
    const exits: (number | null)[] = [];
    const { admissions, failures } = await load(async () => {
      for (let turn = 0; turn < TURNS; turn += 1) {
        await startOne();
        const old = managers.shift()!;
        // At once, as in a cluster: the endpoint begins to leave when the process is asked to end.
        const [code] = await Promise.all([old.stop(), balancer.remove(old.ports.webhook)]);
        exits.push(code);
      }
    });
    const passed = [...balancer.passed.values()];
    report(`${TURNS} managers replaced under load`, { admissions, failures: failures.length });
    expect(failures).toEqual([]);
    expect(exits).toEqual(Array.from({ length: TURNS }, () => 0));
    // Each of them has really been called.
    expect(passed).toHaveLength(TURNS + 2);
    expect(admissions).toBeGreaterThan(TURNS * 10);
  }, 600_000);

  it('go on when one is killed: once its endpoint is gone, no pod is turned away', async () => {
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

/** The manifests as they are, but for the Service: the API server reaches it at the balancer. */
async function installBehind(kubeconfig: string, port: number): Promise<void> {
  const manifests = fileURLToPath(new URL('../../manifests/default', import.meta.url));
  await kubectl(kubeconfig, 'apply', '-k', manifests);
  const service = ['-n', 'kserve-mms-system', 'patch', 'service', 'kserve-mms-webhook', '--type=merge', '-p'];
  await kubectl(
    kubeconfig,
    ...service,
    patchText({
      spec: {
        type: 'ExternalName',
        externalName: 'localhost',
        selector: null,
        clusterIP: null,
        clusterIPs: null,
      },
    }),
  );
  const path = '/webhooks/0/clientConfig/service/port';
  const registration = ['patch', 'mutatingwebhookconfiguration', 'kserve-mms', '--type=json', '-p'];
  await kubectl(kubeconfig, ...registration, patchText([{ op: 'replace', path, value: port }]));
}

const patchText = (patch: object): string => JSON.stringify(patch);
