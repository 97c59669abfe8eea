import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { ControlPlane } from '../../src/development/controlplane/control-plane.ts';
import {
  FORMER_WEBHOOK_CONFIGURATION,
  MANAGER_DEPLOYMENT,
  WEBHOOK_CONFIGURATION,
} from '../../src/contract/names.ts';
import { isSwitchedOn } from '../../src/contract/webhook-configuration.ts';
import type { ApiClient } from '../../src/kube/api-client.ts';
import { getIfThere } from '../../src/kube/get-if-there.ts';
import {
  DEPLOYMENTS,
  MUTATING_WEBHOOK_CONFIGURATIONS,
  VALIDATING_WEBHOOK_CONFIGURATIONS,
} from '../../src/kube/resources.ts';
import { clientFor } from '../support/api-access.ts';
import { createService, inferenceService } from '../support/cluster-client.ts';
import { runCommand } from '../support/command-run.ts';
import { versionOfFormerName } from '../support/earlier-manifests.ts';
import { eventually } from '../support/eventually.ts';
import { kubectl, kubectlEnvironment } from '../support/kubectl.ts';
import { startTestManager } from '../support/manager.ts';
import type { TestManager, TestManagerOptions } from '../support/manager.ts';
import { paste, shellOf } from '../support/page.ts';
import { withPlayedControllers } from '../support/played-controllers.ts';
import { podsMeanwhile } from '../support/pods-meanwhile.ts';
import type { PodsMeanwhile } from '../support/pods-meanwhile.ts';
import { dryRunContainers, predictorPod } from '../support/predictor-pod.ts';
import { manifests } from '../support/rendered.ts';
import { report } from '../support/report.ts';
import { controlPlaneWithManagerAccount } from '../support/service-account.ts';
import { ROUTED, routeWebhook } from '../support/webhook-route.ts';

/** Programs of two versions start here, and one is built from its sources. */
const SLOW = 600_000;
const KINDS = [MUTATING_WEBHOOK_CONFIGURATIONS, VALIDATING_WEBHOOK_CONFIGURATIONS];
const DEPLOYMENT = { namespace: 'kserve-mms-system', name: MANAGER_DEPLOYMENT };

/** Managers have exactly the manifests' rights and are called through their Service. */
interface Scene {
  readonly controlPlane: ControlPlane;
  readonly client: ApiClient;
  start(options?: Partial<TestManagerOptions>): Promise<TestManager>;
  kubectl(...args: readonly string[]): Promise<string>;
  /** Runs a section of the page. */
  follow(section: string): Promise<void>;
  meanwhile(work: () => Promise<void>): Promise<PodsMeanwhile>;
  /** Whether API servers call the webhooks of these configurations; undefined without configurations. */
  areOn(name?: string): Promise<boolean | undefined>;
  /** Writes the Deployment status for a finished rollout. */
  settle(): Promise<void>;
  stop(): Promise<void>;
}

async function startScene(): Promise<Scene> {
  const { controlPlane, managerKubeconfig } = await controlPlaneWithManagerAccount(ROUTED);
  const client = clientFor(controlPlane);
  await kubectl(controlPlane.kubeconfigPath, 'apply', '-k', manifests('crds'));
  const managers: TestManager[] = [];
  return {
    controlPlane,
    client,
    async start(options = {}) {
      const manager = await startTestManager({
        ...{ kubeconfig: managerKubeconfig, inCluster: true, args: ['--drain-seconds', '2'] },
        ...options,
      });
      managers.push(manager);
      return manager;
    },
    kubectl: (...args) => kubectl(controlPlane.kubeconfigPath, ...args),
    async follow(section) {
      const env = await kubectlEnvironment(controlPlane.kubeconfigPath);
      await paste(await shellOf('docs/install.md', section), { env });
    },
    meanwhile: (work) => podsMeanwhile({ client, service: 'sk' }, work),
    async areOn(name = WEBHOOK_CONFIGURATION) {
      const found = await Promise.all(KINDS.map((kind) => getIfThere(client, kind, { name })));
      const each = found.map((one) => one && isSwitchedOn(one));
      expect(new Set(each).size).toBe(1);
      return each[0];
    },
    async settle() {
      const { metadata, spec } = await client.get(DEPLOYMENTS, DEPLOYMENT);
      const replicas = spec?.replicas ?? 1;
      const counts = {
        replicas,
        updatedReplicas: replicas,
        readyReplicas: replicas,
        availableReplicas: replicas,
      };
      const body = { status: { observedGeneration: metadata.generation, ...counts } };
      await client.patch(DEPLOYMENTS, DEPLOYMENT, { type: 'merge', body }, { subresource: 'status' });
    },
    async stop() {
      await Promise.all(managers.map((manager) => manager.kill('SIGKILL')));
      await client.close();
      await controlPlane.stop();
    },
  };
}

async function expectInjected({ client }: Scene): Promise<void> {
  await eventually(async () =>
    expect(await dryRunContainers(client, predictorPod('a', 'sk'))).toContain('agent'),
  );
}

describe('an installation whose webhook is called through its Service', () => {
  let scene: Scene;
  let first: TestManager;

  beforeAll(async () => {
    scene = await startScene();
  });
  afterAll(() => scene.stop());

  const versions = (): Promise<readonly unknown[]> =>
    Promise.all(
      KINDS.map(
        async (kind) => (await scene.client.get(kind, { name: WEBHOOK_CONFIGURATION })).metadata.generation,
      ),
    );

  it('refuses no pod before its image can be pulled, with client-side and server-side apply', async () => {
    const seen = await scene.meanwhile(async () => {
      await scene.kubectl('apply', '-k', manifests('overlays/beside-kserve'));
      await scene.kubectl(
        'apply',
        '--server-side',
        '--force-conflicts',
        '-k',
        manifests('overlays/beside-kserve'),
      );
    });
    report('pods while nothing answers', { ...seen, refused: seen.refused.length });
    expect(seen.refused).toEqual([]);
    expect(await scene.areOn()).toBe(false);
    expect(await dryRunContainers(scene.client, predictorPod('a', 'sk'))).not.toContain('agent');
  });

  it('stays switched off, with the reason, while API servers do not reach a replica', async () => {
    first = await scene.start();
    await createService(scene.client, inferenceService('sk'));
    await eventually(() => expect(first.log()).toContain('the API server does not reach Service'));
    expect(await scene.areOn()).toBe(false);
    const { stdout } = await check();
    expect(stdout).toMatch(/pod-webhook-registered .* is not enabled yet/);
  });

  it('is switched on once a replica is reached, and refuses no pod meanwhile', async () => {
    const seen = await scene.meanwhile(async () => {
      await routeWebhook(scene.client, [first.ports.webhook]);
      await eventually(async () => expect(await scene.areOn()).toBe(true));
    });
    expect(seen.refused).toEqual([]);
    await expectInjected(scene);
    expect(await first.metric('mms_api_requests_total', { code: '403' })).toBe(0);
  });

  it.each([
    ['on the client side', []],
    ['on the server side', ['--server-side', '--force-conflicts']],
  ])('keeps what the manager filled in when applied again %s', async (_by, flags) => {
    const before = await versions();
    const seen = await scene.meanwhile(async () => {
      await scene.kubectl('apply', ...flags, '-k', manifests('overlays/beside-kserve'));
    });
    expect(seen).toMatchObject({ refused: [], bare: 0 });
    expect(await versions()).toEqual(before);
  });

  it('stays on while its replicas are replaced', async () => {
    const seen = await scene.meanwhile(async () => {
      const next = await scene.start();
      await routeWebhook(scene.client, [next.ports.webhook, first.ports.webhook]);
      await routeWebhook(scene.client, [next.ports.webhook]);
      expect(await first.stop()).toBe(0);
      first = next;
    });
    expect(seen).toMatchObject({ refused: [], bare: 0 });
    expect(await scene.areOn()).toBe(true);
  });

  it('is switched off by a scale to zero, and refuses no pod', async () => {
    const seen = await scene.meanwhile(async () => {
      await scene.follow('Scale to zero');
      expect(await first.stop()).toBe(0);
      await routeWebhook(scene.client, []);
      expect(await scene.areOn()).toBe(false);
    });
    report('pods during a scale to zero', { ...seen, refused: seen.refused.length });
    expect(seen.refused).toEqual([]);
  });

  it('is switched on again by a scale up', async () => {
    await scene.kubectl('-n', DEPLOYMENT.namespace, 'scale', 'deployment', DEPLOYMENT.name, '--replicas=1');
    first = await scene.start();
    await routeWebhook(scene.client, [first.ports.webhook]);
    await eventually(async () => expect(await scene.areOn()).toBe(true));
    await expectInjected(scene);
  });

  it('is switched off by a replica that ends after its Role and its Deployment are deleted', async () => {
    const inNamespace = ['-n', DEPLOYMENT.namespace];
    const seen = await scene.meanwhile(async () => {
      await scene.kubectl(...inNamespace, 'delete', 'role,rolebinding', DEPLOYMENT.name);
      await scene.kubectl(...inNamespace, 'delete', 'deployment', DEPLOYMENT.name);
      expect(await first.stop()).toBe(0);
      await routeWebhook(scene.client, []);
    });
    expect(seen.refused).toEqual([]);
    expect(await scene.areOn()).toBe(false);
  });

  it('is uninstalled by kubectl delete -k, and refuses no pod', async () => {
    await scene.kubectl('apply', '-k', manifests('overlays/beside-kserve'));
    first = await scene.start();
    await routeWebhook(scene.client, [first.ports.webhook]);
    await eventually(async () => expect(await scene.areOn()).toBe(true));
    const seen = await scene.meanwhile(async () => {
      await withPlayedControllers(scene.controlPlane.kubeconfigPath, () =>
        scene.kubectl('delete', '-k', manifests('overlays/beside-kserve')),
      );
      await first.stop();
    });
    report('pods during an uninstallation', { ...seen, refused: seen.refused.length });
    expect(seen.refused).toEqual([]);
    expect(await scene.areOn()).toBeUndefined();
  });

  const check = (): Promise<{ stdout: string }> =>
    runCommand(['check', '--kubeconfig', scene.controlPlane.kubeconfigPath]);
});

describe('an upgrade from the former name of the webhook configurations', () => {
  let scene: Scene;
  let former: Awaited<ReturnType<typeof versionOfFormerName>>;
  let manager: TestManager;

  beforeAll(async () => {
    [scene, former] = await Promise.all([startScene(), versionOfFormerName()]);
  }, SLOW);
  afterAll(async () => {
    await scene.stop();
    await former?.close();
  });

  const applyFormer = (directory: string): Promise<string> =>
    scene.kubectl('apply', '-k', `${directory}/manifests/overlays/beside-kserve`);

  it(
    'leaves no gap, refuses no pod, and removes the former configurations once all replicas are new',
    async () => {
      if (former === undefined) return;
      await applyFormer(former.directory);
      const old = await scene.start({ program: former.program });
      await routeWebhook(scene.client, [old.ports.webhook]);
      await createService(scene.client, inferenceService('sk'));
      await expectInjected(scene);
      const seen = await scene.meanwhile(async () => {
        await scene.kubectl('apply', '-k', manifests('overlays/beside-kserve'));
        // It has to become ready while the leader does not know the new configurations.
        manager = await scene.start();
        expect(await old.metric('mms_leader')).toBe(1);
        await routeWebhook(scene.client, [old.ports.webhook, manager.ports.webhook]);
        expect(await scene.areOn()).toBe(false);
        await routeWebhook(scene.client, [manager.ports.webhook]);
        await old.stop();
        await eventually(async () => expect(await scene.areOn()).toBe(true), 60_000);
        await eventually(() => expect(manager.log()).toContain('stays while replicas are being replaced'));
        expect(await scene.areOn(FORMER_WEBHOOK_CONFIGURATION)).toBe(true);
        await scene.settle();
        await eventually(async () => expect(await scene.areOn(FORMER_WEBHOOK_CONFIGURATION)).toBeUndefined());
        expect(await manager.metric('mms_api_requests_total', { code: '403' })).toBe(0);
      });
      report('pods during the upgrade', { ...seen, refused: seen.refused.length });
      expect(seen).toMatchObject({ refused: [], bare: 0 });
      expect(seen.injected).toBeGreaterThan(0);
    },
    SLOW,
  );

  it(
    'is rolled back; the user deletes the new configurations, which the old version does not know',
    async () => {
      if (former === undefined) return;
      await applyFormer(former.directory);
      const back = await scene.start({ program: former.program });
      await routeWebhook(scene.client, [back.ports.webhook]);
      await manager.stop();
      await scene.follow('Roll back to 0.1.0');
      expect(await scene.areOn()).toBeUndefined();
      expect(await scene.areOn(FORMER_WEBHOOK_CONFIGURATION)).toBe(true);
      await expectInjected(scene);
    },
    SLOW,
  );
});
