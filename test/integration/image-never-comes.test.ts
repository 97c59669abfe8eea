import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { ControlPlane } from '../../src/development/controlplane/control-plane.ts';
import type { ApiClient } from '../../src/kube/api-client.ts';
import { clientFor } from '../support/api-access.ts';
import { testControlPlane } from '../support/control-plane.ts';
import { installDefinitionsOf } from '../support/foreign-definitions.ts';
import { CHART, helm } from '../support/helm.ts';
import { kubectl, kubectlEnvironment } from '../support/kubectl.ts';
import { paste, shellOf } from '../support/page.ts';
import { withPlayedControllers } from '../support/played-controllers.ts';
import { podsMeanwhile } from '../support/pods-meanwhile.ts';
import { manifests } from '../support/rendered.ts';
import { report } from '../support/report.ts';

const DEPLOYMENT = ['-n', 'kserve-mms-system', 'set', 'image', 'deployment/kserve-mms-manager'];

interface Way {
  readonly install: () => Promise<unknown>;
  readonly uninstall: () => Promise<unknown>;
}

/**
 * No manager ever runs here, as on nodes that cannot pull its image. registration.test.ts covers the case with a
 * manager.
 */
describe('an installation whose image cannot be pulled', () => {
  let controlPlane: ControlPlane;
  let client: ApiClient;

  beforeAll(async () => {
    // Builds it, if it is missing.
    await helm(['version']);
  }, 900_000);
  beforeAll(async () => {
    controlPlane = await testControlPlane();
    client = clientFor(controlPlane);
    // The definitions are applied first, because they take a while to be served and pods are created from the start.
    await kubectl(controlPlane.kubeconfigPath, 'apply', '-k', manifests('crds'));
    // KServe's namespace, where the takeover overlay creates roles.
    await run('create', 'namespace', 'kserve');
    await installDefinitionsOf('cert-manager', controlPlane.kubeconfigPath);
  });
  afterAll(async () => {
    await client.close();
    await controlPlane.stop();
  });

  const run = (...args: readonly string[]): Promise<string> => kubectl(controlPlane.kubeconfigPath, ...args);
  const played = <T>(work: () => Promise<T>): Promise<T> =>
    withPlayedControllers(controlPlane.kubeconfigPath, work);
  const follow = async (section: string): Promise<void> => {
    const env = await kubectlEnvironment(controlPlane.kubeconfigPath);
    const script = await shellOf('docs/install.md', section);
    await played(() => paste(script, { env }));
  };

  it.each<[string, () => Promise<unknown>]>([
    ['installed', () => run('apply', '-k', manifests('default'))],
    [
      'upgraded from a version whose image could not be pulled either',
      async () => {
        await run(...DEPLOYMENT, 'manager=registry.example/kserve-mms:0.1.9');
        await run('apply', '-k', manifests('default'));
      },
    ],
    [
      'upgraded by server-side apply',
      () => run('apply', '--server-side', '--force-conflicts', '-k', manifests('default')),
    ],
    ['scaled to zero', () => follow('Scale to zero')],
    ['uninstalled', () => follow('Uninstall')],
  ])('refuses no pod while it is %s', async (what, work) => {
    const seen = await podsMeanwhile({ client, service: 'sk' }, async () => {
      await work();
    });
    report(`pods while an installation without an image is ${what}`, {
      ...seen,
      refused: seen.refused.length,
    });
    expect(seen).toMatchObject({ refused: [], injected: 0 });
    expect(seen.bare).toBeGreaterThan(0);
  });

  const apply = (overlay: string) => (): Promise<unknown> => run('apply', '-k', manifests(overlay));
  const helmed = (...args: readonly string[]) => helm([...args], controlPlane.kubeconfigPath);
  const upgrade = (): Promise<string> =>
    // The definitions exist already, as with KServe.
    helmed('upgrade', '--install', 'kserve-mms', CHART, '--set', 'mode=beside-kserve');

  it.each<[string, Way]>([
    ...['beside-kserve', 'takeover-kserve', 'cert-manager'].map((name): [string, Way] => [
      `the overlay ${name}`,
      { install: apply(`overlays/${name}`), uninstall: () => follow('Uninstall') },
    ]),
    [
      'the overlay beside-kserve, deleted as it was applied',
      {
        install: apply('overlays/beside-kserve'),
        uninstall: () => played(() => run('delete', '-k', manifests('overlays/beside-kserve'))),
      },
    ],
    [
      'the Helm chart',
      { install: upgrade, uninstall: () => played(() => helmed('uninstall', 'kserve-mms')) },
    ],
  ])('refuses no pod from installing to uninstalling %s', async (what, { install, uninstall }) => {
    const seen = await podsMeanwhile({ client, service: 'sk' }, async () => {
      await install();
      await run(...DEPLOYMENT, 'manager=registry.example/kserve-mms:0.1.9');
      await install();
      await follow('Scale to zero');
      await uninstall();
    });
    report(`pods from installing to uninstalling ${what}`, { ...seen, refused: seen.refused.length });
    expect(seen).toMatchObject({ refused: [], injected: 0 });
    expect(seen.bare).toBeGreaterThan(0);
  });
});
