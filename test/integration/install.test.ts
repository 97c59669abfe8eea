import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ControlPlane } from '../../src/development/controlplane/control-plane.ts';
import { FORMER_WEBHOOK_CONFIGURATION, WEBHOOK_CONFIGURATION } from '../../src/contract/names.ts';
import { caBundleOf, configurationInForce } from '../../src/contract/webhook-configuration.ts';
import type { ApiClient } from '../../src/kube/api-client.ts';
import { getIfThere } from '../../src/kube/get-if-there.ts';
import { MUTATING_WEBHOOK_CONFIGURATIONS } from '../../src/kube/resources.ts';
import {
  createModel,
  createService,
  inferenceService,
  modelNames,
  trainedModel,
} from '../support/cluster-client.ts';
import { clientFor } from '../support/api-access.ts';
import { earlierManifests } from '../support/earlier-manifests.ts';
import type { OpenManifests } from '../support/earlier-manifests.ts';
import { eventually } from '../support/eventually.ts';
import { kubectl, kubectlEnvironment } from '../support/kubectl.ts';
import { startTestManager } from '../support/manager.ts';
import type { TestManager } from '../support/manager.ts';
import { paste, ROOT, shellOf } from '../support/page.ts';
import { render } from '../support/rendered.ts';
import { withPlayedControllers } from '../support/played-controllers.ts';
import { controlPlaneWithManagerAccount } from '../support/service-account.ts';
import { ROUTED, routeWebhook } from '../support/webhook-route.ts';
import { whatIsOurs } from '../support/what-is-ours.ts';

const PAGE = 'docs/install.md';

describe('the commands of the README', () => {
  it.each([
    ['Install it on a cluster', 'Install'],
    ['Uninstall it', 'Uninstall'],
  ])('%s: matches the page, whose commands are run below', async (ofReadme, ofPage) => {
    expect(await shellOf('README.md', ofReadme)).toBe(await shellOf(PAGE, ofPage));
  });
});

describe('the kustomization on the page', () => {
  it('sets your image for manager and agent', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'kserve-mms-kustomization-'));
    try {
      await cp(join(ROOT, 'manifests'), join(directory, 'manifests'), { recursive: true });
      await mkdir(join(directory, 'mine'));
      const [, example = ''] = /^```yaml\n([^]*?)^```$/m.exec(await readFile(join(ROOT, PAGE), 'utf8')) ?? [];
      await writeFile(join(directory, 'mine', 'kustomization.yaml'), example);
      const rendered = await kubectl('/dev/null', 'kustomize', join(directory, 'mine'));
      expect(rendered.match(/\S*kserve-mms:0.2.0$/gm)).toEqual(
        Array(2).fill('registry.example/kserve-mms:0.2.0'),
      );
    } finally {
      await rm(directory, { recursive: true });
    }
  });
});

describe.each(await earlierManifests())('the commands of the page, on an installation of $of,', (earlier) => {
  let controlPlane: ControlPlane;
  let client: ApiClient;
  let manager: TestManager;
  let managerKubeconfig: string;
  let manifests: OpenManifests;
  let old: string;

  beforeAll(async () => {
    ({ controlPlane, managerKubeconfig } = await controlPlaneWithManagerAccount(ROUTED));
    client = clientFor(controlPlane);
    manifests = await earlier.open();
    old = manifests.directory;
  });

  afterAll(async () => {
    await client.close();
    await controlPlane.stop();
    await manifests.close();
  });

  const read = (...args: readonly string[]): Promise<string> => kubectl(controlPlane.kubeconfigPath, ...args);
  /** Runs a section of the page, in this version's directory or in another. */
  const follow = async (section: string, cwd = ROOT): Promise<string> => {
    const { kubeconfigPath } = controlPlane;
    const env = await kubectlEnvironment(kubeconfigPath);
    const script = await shellOf(PAGE, section);
    return withPlayedControllers(kubeconfigPath, () => paste(script, { cwd, env }));
  };
  /** What must survive: the models and the ConfigMap that pods mount. */
  const survivors = async (): Promise<readonly string[]> => {
    const uid = ['-o', 'jsonpath={range .items[*]}{.kind}/{.metadata.name} {.metadata.uid}{"\\n"}{end}'];
    const models = await read('get', 'inferenceservices,trainedmodels', ...uid);
    const configMap = await read(
      'get',
      'configmap/modelconfig-flowers-0',
      '-o',
      'jsonpath={.metadata.uid} {.data}',
    );
    return [models, configMap];
  };
  /** The caBundle of the configuration that is in force. */
  const trust = async (): Promise<string> => {
    const [ours, former] = await Promise.all(
      [WEBHOOK_CONFIGURATION, FORMER_WEBHOOK_CONFIGURATION].map((name) =>
        getIfThere(client, MUTATING_WEBHOOK_CONFIGURATIONS, { name }),
      ),
    );
    return caBundleOf(configurationInForce(ours, former)!) ?? '';
  };
  const priorityClass = (): Promise<string> =>
    read(
      '-n',
      'kserve-mms-system',
      'get',
      'deployments',
      '-o',
      'jsonpath={.items[*].spec.template.spec.priorityClassName}',
    );

  it('install it', async () => {
    await follow('Install', old);
    manager = await startTestManager({ kubeconfig: managerKubeconfig, inCluster: true });
    await routeWebhook(client, [manager.ports.webhook]);
    await createService(client, inferenceService('flowers'));
    await createModel(client, trainedModel('tulip', 'flowers'));
    await eventually(async () => expect(await modelNames(client, 'flowers')).toEqual(['tulip']));
    await eventually(async () => expect(await trust()).not.toBe(''));
  });

  it('upgrade it, and keep the models and the trust in the webhook', async () => {
    const before = [...(await survivors()), await trust()];
    expect(await follow('Upgrade')).toContain('successfully rolled out');
    expect(await priorityClass()).toBe('kserve-mms-manager');
    expect([...(await survivors()), await trust()]).toEqual(before);
    await follow('When the webhook is switched on');
  });

  it('roll it back and upgrade it again, and keep both', async () => {
    const before = [...(await survivors()), await trust()];
    expect(await follow('Roll back', old)).toContain('successfully rolled out');
    await follow('Upgrade');
    expect([...(await survivors()), await trust()]).toEqual(before);
    expect(await manager.ready()).toBe(true);
  });

  it('uninstall it, the webhook first, and leave only the models and their kinds', async () => {
    const before = await survivors();
    // Its pod ends with the namespace; a graceful end would take 15 s.
    await manager.kill('SIGKILL');
    await follow('Uninstall');
    const kinds = (await render('crds')).map(
      ({ metadata }) => `customresourcedefinition.apiextensions.k8s.io/${metadata.name}`,
    );
    expect(await whatIsOurs(controlPlane.kubeconfigPath)).toEqual(kinds.sort());
    expect(await survivors()).toEqual(before);
    expect((await shellOf(PAGE, 'Uninstall')).split('\n')[0]).toContain('webhookconfigurations');
  });

  it('remove the models too, on request', async () => {
    await follow('Remove the models, too');
    expect(await whatIsOurs(controlPlane.kubeconfigPath)).toEqual([]);
  });
});
