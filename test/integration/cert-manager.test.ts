import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { readFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { parse } from 'yaml';
import type { ControlPlane } from '../../src/development/controlplane/control-plane.ts';
import {
  atBaseUrl,
  withCaBundle,
  type WebhookConfiguration,
} from '../../src/contract/webhook-configuration.ts';
import { WEBHOOK_CONFIGURATION } from '../../src/contract/names.ts';
import type { ApiClient } from '../../src/kube/api-client.ts';
import {
  MUTATING_WEBHOOK_CONFIGURATIONS,
  SECRETS,
  VALIDATING_WEBHOOK_CONFIGURATIONS,
} from '../../src/kube/resources.ts';
import type { NewAuthority } from '../../src/certificates/make-certificate.ts';
import { admitMeanwhile } from '../support/admission-load.ts';
import { maker } from '../support/admission-server.ts';
import { clientFor } from '../support/api-access.ts';
import { createService, inferenceService } from '../support/cluster-client.ts';
import { eventually } from '../support/eventually.ts';
import { installDefinitionsOf } from '../support/foreign-definitions.ts';
import { kubectl } from '../support/kubectl.ts';
import { startTestManager } from '../support/manager.ts';
import type { TestManager } from '../support/manager.ts';
import { dryRunContainers, predictorPod } from '../support/predictor-pod.ts';
import { manifests } from '../support/rendered.ts';
import { report } from '../support/report.ts';
import { controlPlaneWithManagerAccount } from '../support/service-account.ts';

const SECRET = { namespace: 'kserve-mms-system', name: 'kserve-mms-webhook-certificate' };
const IN_CLUSTER_NAME = 'kserve-mms-webhook.kserve-mms-system.svc';
const CONFIGURATIONS = [MUTATING_WEBHOOK_CONFIGURATIONS, VALIDATING_WEBHOOK_CONFIGURATIONS];
const SWAPS = 10;
const SWAP_EVERY = 2_000;
const CALLERS = 4;

/**
 * The test does cert-manager's part: it writes the Secret and the caBundle as the certificate controller and
 * cainjector of cert-manager do. The CustomResourceDefinitions are cert-manager's own.
 */
describe("the overlay with cert-manager's certificate", () => {
  let controlPlane: ControlPlane;
  let client: ApiClient;
  let manager: TestManager;
  let authority: NewAuthority;
  let managerKubeconfig: string;

  beforeAll(async () => {
    ({ controlPlane, managerKubeconfig } = await controlPlaneWithManagerAccount());
    client = clientFor(controlPlane);
    await installDefinitionsOf('cert-manager', controlPlane.kubeconfigPath);
    await kubectl(controlPlane.kubeconfigPath, 'apply', '-k', manifests('overlays/cert-manager'));
    authority = await maker.authority();
  });

  afterAll(async () => {
    // A graceful end would take 15 s.
    await (manager as TestManager | undefined)?.kill('SIGKILL');
    await client.close();
    await controlPlane.stop();
  });

  /** What the manager's readiness endpoint answers. */
  const readiness = async (): Promise<string> =>
    (await fetch(`http://127.0.0.1:${manager.ports.health}/readyz`)).text();
  const served = (): number =>
    manager
      .log()
      .split('\n')
      .filter((line) => line.includes('serving a certificate')).length;

  /** The Secret, as cert-manager v1.21 fills it for an issuer of kind CA. */
  const issue = async (names: readonly string[] = [IN_CLUSTER_NAME, '127.0.0.1']): Promise<void> => {
    const leaf = await maker.leaf(authority, names);
    const base64 = (text: string): string => Buffer.from(text).toString('base64');
    const secret = {
      metadata: {
        ...SECRET,
        labels: { 'controller.cert-manager.io/fao': 'true' },
        annotations: { 'cert-manager.io/certificate-name': 'kserve-mms-webhook' },
      },
      type: 'kubernetes.io/tls',
      data: {
        'ca.crt': base64(authority.authority.pem),
        'tls.crt': base64(leaf.pem),
        'tls.key': base64(leaf.key),
      },
    };
    const current = (await client.list(SECRETS, { namespace: SECRET.namespace })).items.length > 0;
    await (current ? client.replace(SECRETS, secret) : client.create(SECRETS, secret));
  };
  /** Does what cert-manager's cainjector does, and sets the URL, because no Service is routed here. */
  const inject = async (): Promise<void> => {
    for (const resource of CONFIGURATIONS) {
      const configuration: WebhookConfiguration = await client.get(resource, { name: WEBHOOK_CONFIGURATION });
      const here = atBaseUrl(configuration, `https://127.0.0.1:${manager.ports.webhook}`);
      await client.replace(resource, withCaBundle(here, authority.authority.pem));
    }
  };

  it('requests the certificate that the manager reads, and has its CA injected into the webhook configurations', async () => {
    const certificate = await kubectl(
      controlPlane.kubeconfigPath,
      ...['-n', SECRET.namespace, 'get', 'certificate', 'kserve-mms-webhook', '-o', 'json'],
    );
    expect(JSON.parse(certificate)).toMatchObject({
      spec: { secretName: SECRET.name, dnsNames: [IN_CLUSTER_NAME] },
    });
    for (const resource of CONFIGURATIONS) {
      const configuration = await client.get(resource, { name: WEBHOOK_CONFIGURATION });
      expect(configuration.metadata.annotations).toMatchObject({
        'cert-manager.io/inject-ca-from': 'kserve-mms-system/kserve-mms-webhook',
      });
    }
  });

  it('keeps the manager unready, with the reason, until the Secret and the caBundle exist', async () => {
    manager = await startTestManager({
      kubeconfig: managerKubeconfig,
      args: ['--certificate=external'],
      inCluster: true,
      waitUntilReady: false,
    });
    await eventually(async () =>
      expect(await readiness()).toContain('Secret with the certificate is not there'),
    );
    await issue(['elsewhere.example']);
    await eventually(async () => expect(await readiness()).toContain(`not made out to ${IN_CLUSTER_NAME}`));
    await issue();
    await eventually(async () => expect(await readiness()).toContain('caBundle'));
    await inject();
    await eventually(async () => expect(await manager.ready()).toBe(true));
    await createService(client, inferenceService('sk'));
    await eventually(async () => {
      expect(await dryRunContainers(client, predictorPod('a', 'sk'))).toContain('agent');
    });
  });

  it('renews the certificate repeatedly under load without a failed admission', async () => {
    const before = served();
    const load = { client, service: 'sk', callers: CALLERS };
    const { admissions, failures } = await admitMeanwhile(load, async () => {
      for (let swap = 0; swap < SWAPS; swap += 1) {
        await issue();
        await delay(SWAP_EVERY);
      }
    });
    report('certificates renewed by cert-manager', {
      renewals: SWAPS,
      'certificates served': served() - before,
      admissions,
      failures: failures.length,
    });
    expect(failures).toEqual([]);
    expect(admissions).toBeGreaterThan(0);
    expect(served() - before).toBeGreaterThan(1);
  });

  it('serves the old certificate until the next one is trusted', async () => {
    authority = await maker.authority();
    await issue();
    await eventually(() => expect(manager.log()).toContain('lacks the authority'));
    expect(await dryRunContainers(client, predictorPod('a', 'sk'))).toContain('agent');
    await inject();
    await eventually(async () => {
      expect(await dryRunContainers(client, predictorPod('a', 'sk'))).toContain('agent');
    });
    expect(await manager.ready()).toBe(true);
  });

  it('needs no right to write certificates, and writes none', async () => {
    expect(await manager.metric('mms_api_requests_total', { code: '403' })).toBe(0);
    const writes = async (resource: string): Promise<Record<string, number>> => {
      const verbs = ['create', 'update', 'patch', 'delete'];
      const counts = verbs.map((verb) => manager.metric('mms_api_requests_total', { verb, resource }));
      const each = await Promise.all(counts);
      return Object.fromEntries(verbs.map((verb, index) => [verb, each[index] ?? 0]));
    };
    const none = { create: 0, update: 0, patch: 0, delete: 0 };
    expect(await writes('secrets')).toEqual(none);
    // The manager updates them to switch them on.
    for (const { plural } of CONFIGURATIONS)
      expect(await writes(plural)).toMatchObject({ create: 0, patch: 0, delete: 0 });
  });

  it('ends gracefully within the grace period of its pod', async () => {
    const deployment = parse(await readFile(manifests('manager/deployment.yaml'), 'utf8')) as {
      spec: { template: { spec: { terminationGracePeriodSeconds: number } } };
    };
    const signalled = performance.now();
    expect(await manager.stop()).toBe(0);
    const took = (performance.now() - signalled) / 1000;
    report('manager after SIGTERM', { 'ended after (s)': took });
    expect(took).toBeLessThan(deployment.spec.template.spec.terminationGracePeriodSeconds);
  });

  it('can be replaced by a manager that makes its own certificates', async () => {
    await kubectl(controlPlane.kubeconfigPath, 'apply', '-k', manifests('rbac'));
    const before = await client.get(SECRETS, SECRET);
    manager = await startTestManager({ kubeconfig: managerKubeconfig, inCluster: true });
    expect(await client.get(SECRETS, SECRET)).toEqual(before);
    await client.delete(SECRETS, SECRET);
    await eventually(async () => {
      const { data } = (await client.get(SECRETS, SECRET)) as unknown as { data: Record<string, string> };
      expect(data['ca.key']).toBeDefined();
    });
  });
});
