import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { ControlPlane } from '../../src/development/controlplane/control-plane.ts';
import type { ApiClient } from '../../src/kube/api-client.ts';
import { clientFor } from '../support/api-access.ts';
import { testControlPlane } from '../support/control-plane.ts';
import { kubectl, kubectlEnvironment } from '../support/kubectl.ts';
import { paste, shellOf } from '../support/page.ts';
import { withPlayedControllers } from '../support/played-controllers.ts';
import { podsMeanwhile } from '../support/pods-meanwhile.ts';
import { manifests } from '../support/rendered.ts';
import { report } from '../support/report.ts';

const DEPLOYMENT = ['-n', 'kserve-mms-system', 'set', 'image', 'deployment/kserve-mms-manager'];

/** No manager ever runs here, as on nodes that cannot pull its image. With a manager that runs: registration.test.ts. */
describe('an installation whose image never comes', () => {
  let controlPlane: ControlPlane;
  let client: ApiClient;

  beforeAll(async () => {
    controlPlane = await testControlPlane();
    client = clientFor(controlPlane);
    // The definitions take a while to be served, and the pods of others are there before them.
    await kubectl(controlPlane.kubeconfigPath, 'apply', '-k', manifests('crds'));
  });
  afterAll(async () => {
    await client.close();
    await controlPlane.stop();
  });

  const run = (...args: readonly string[]): Promise<string> => kubectl(controlPlane.kubeconfigPath, ...args);
  const follow = async (section: string): Promise<void> => {
    const env = await kubectlEnvironment(controlPlane.kubeconfigPath);
    const script = await shellOf('docs/install.md', section);
    await withPlayedControllers(controlPlane.kubeconfigPath, () => paste(script, { env }));
  };

  it.each<[string, () => Promise<unknown>]>([
    ['installed', () => run('apply', '-k', manifests('default'))],
    [
      'upgraded from a version whose image did not come either',
      async () => {
        await run(...DEPLOYMENT, 'manager=registry.example/kserve-mms:0.1.9');
        await run('apply', '-k', manifests('default'));
      },
    ],
    [
      'upgraded by the server',
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
});
