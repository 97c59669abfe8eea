import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { ControlPlane } from '../../src/development/controlplane/control-plane.ts';
import {
  DEFAULT_AGENT_IMAGE,
  MANAGER_DEPLOYMENT,
  MUTATE_PODS_PATH,
  PART_OF,
  VALIDATE_TRAINED_MODELS_PATH,
  WEBHOOK_CERTIFICATE_SECRET,
  WEBHOOK_CONFIGURATION,
  WEBHOOK_SERVICE,
} from '../../src/contract/names.ts';
import { testControlPlane } from '../support/control-plane.ts';
import { eventually } from '../support/eventually.ts';
import { kubectl, kubectlOutcome, kubectlWithInput } from '../support/kubectl.ts';
import { manifests, render, type Rendered } from '../support/rendered.ts';

interface Role extends Rendered {
  readonly rules?: readonly {
    readonly resources: readonly string[];
    readonly verbs: readonly string[];
    readonly resourceNames?: readonly string[];
  }[];
}

describe('the manifests', () => {
  let controlPlane: ControlPlane;

  beforeAll(async () => {
    controlPlane = await testControlPlane();
    await apply('default');
  });

  afterAll(async () => {
    await controlPlane.stop();
  });

  const apply = (path: string): Promise<string> =>
    kubectl(controlPlane.kubeconfigPath, 'apply', '-k', manifests(path));
  const get = (...args: readonly string[]): Promise<string> =>
    kubectl(controlPlane.kubeconfigPath, 'get', ...args);

  it('beside KServe contain everything except the CustomResourceDefinitions and the predictors', async () => {
    const [all, beside] = [await render('default'), await render('overlays/beside-kserve')];
    const names = (rendered: readonly Rendered[]): string[] =>
      rendered.map(({ kind, metadata }) => `${kind}/${metadata.name}`).sort();
    const withoutKServe = /^CustomResourceDefinition\/|\/kserve-mms-predictors$/;
    expect(names(beside)).toEqual(names(all).filter((name) => !withoutKServe.test(name)));
    const [on, off] = [all, beside].map((rendered) => JSON.stringify(rendered).includes('"--predictors"'));
    expect({ on, off }).toEqual({ on: true, off: false });
  });

  it('are applied, with the examples, without a warning', async () => {
    for (const path of ['default', 'examples']) {
      const args = ['apply', '-k', manifests(path)];
      await eventually(async () => {
        const { code, stderr } = await kubectlOutcome(controlPlane.kubeconfigPath, '', args);
        // kubectl itself notes that it kept the order of the file; this is not a warning.
        const warnings = stderr.split('\n').filter((line) => line.startsWith('Warning:'));
        expect({ path, code, warnings }).toEqual({ path, code: 0, warnings: [] });
      });
    }
  });

  it('define the kinds as KServe does: short names, status subresource, printer columns', async () => {
    await eventually(async () => {
      await apply('examples');
    });
    expect(await get('-n', 'mms-example', 'tm')).toMatch(/^NAME\s+URL\s+READY\s+REASON\s+AGE\n/);
    expect(await get('-n', 'mms-example', 'isvc', '-o', 'name')).toBe(
      'inferenceservice.serving.kserve.io/flowers\n',
    );
    const status = {
      status: { url: 'http://x', conditions: [{ type: 'Ready', status: 'True' }], unknown: 'pruned' },
    };
    const patch = ['-n', 'mms-example', '--type=merge', '-p', JSON.stringify(status)];
    await kubectl(controlPlane.kubeconfigPath, 'patch', 'tm', 'iris', '--subresource=status', ...patch);
    expect(await get('-n', 'mms-example', 'tm', 'iris', '--no-headers')).toMatch(/^iris\s+http:\/\/x\s+True/);
    expect(await get('-n', 'mms-example', 'tm', 'iris', '-o', 'jsonpath={.status.unknown}')).toBe('');
  });

  it('contain runtimes that the API server accepts', async () => {
    await eventually(async () => {
      await apply('runtimes');
    });
    expect(await get('clusterservingruntimes', '--no-headers')).toMatch(
      /^kserve-mlserver\s+sklearn\s+kserve-container\s/,
    );
  });

  it.each(['inferenceService', 'model'])('refuse a TrainedModel without spec.%s', async (field) => {
    const spec = {
      inferenceService: 'a',
      model: { storageUri: 's3://b/m', framework: 'sklearn', memory: '1Gi' },
    };
    const broken = {
      apiVersion: 'serving.kserve.io/v1alpha1',
      kind: 'TrainedModel',
      metadata: { name: 'broken', namespace: 'default' },
      spec: { ...spec, [field]: undefined },
    };
    const args = [
      'create',
      '--raw',
      '/apis/serving.kserve.io/v1alpha1/namespaces/default/trainedmodels',
      '-f',
      '-',
    ];
    await expect(kubectlWithInput(controlPlane.kubeconfigPath, JSON.stringify(broken), args)).rejects.toThrow(
      `spec.${field}`,
    );
  });

  it('use the names of the code', async () => {
    const text = JSON.stringify(await render('default'));
    for (const name of [
      DEFAULT_AGENT_IMAGE,
      MANAGER_DEPLOYMENT,
      MUTATE_PODS_PATH,
      VALIDATE_TRAINED_MODELS_PATH,
      PART_OF,
      WEBHOOK_CERTIFICATE_SECRET,
      WEBHOOK_CONFIGURATION,
      WEBHOOK_SERVICE,
    ]) {
      expect(text).toContain(`"${name}"`);
    }
  });

  it('let the manager get any Secret, and list or watch only its own', async () => {
    const roles = ((await render('rbac')) as readonly Role[]).filter(({ rules }) => rules !== undefined);
    const onSecrets = roles.flatMap(({ kind, rules = [] }) =>
      rules
        .filter(({ resources }) => resources.includes('secrets'))
        .map(({ verbs, resourceNames }) => ({ kind, verbs, resourceNames })),
    );
    expect(onSecrets).toEqual([
      { kind: 'Role', verbs: ['create'], resourceNames: undefined },
      { kind: 'Role', verbs: ['update'], resourceNames: [WEBHOOK_CERTIFICATE_SECRET] },
      { kind: 'Role', verbs: ['get', 'list', 'watch'], resourceNames: [WEBHOOK_CERTIFICATE_SECRET] },
      { kind: 'ClusterRole', verbs: ['get'], resourceNames: undefined },
    ]);
  });
});
