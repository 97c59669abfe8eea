import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parse } from 'yaml';
import type { ControlPlane } from '../../src/development/controlplane/control-plane.ts';
import { testControlPlane } from '../support/control-plane.ts';
import { CHART, helm, pathWithHelm, renderChart } from '../support/helm.ts';
import { kubectl } from '../support/kubectl.ts';
import { paste, shellBlocksOf } from '../support/page.ts';
import { render } from '../support/rendered.ts';
import type { Rendered } from '../support/rendered.ts';

const KEPT = 'helm.sh/resource-policy';

/** By kind and name, without the annotation that the chart adds. */
function byName(objects: readonly Rendered[]): Record<string, unknown> {
  return Object.fromEntries(
    objects.map((object) => {
      const { annotations = {}, ...metadata } = object.metadata as Rendered['metadata'] & {
        annotations?: Record<string, string>;
      };
      const others = Object.entries(annotations).filter(([name]) => name !== KEPT);
      const shown = others.length === 0 ? metadata : { ...metadata, annotations: Object.fromEntries(others) };
      return [`${object.kind}/${metadata.namespace ?? ''}/${metadata.name}`, { ...object, metadata: shown }];
    }),
  );
}

function managerOf(objects: readonly Rendered[]): unknown {
  return objects.find(({ kind }) => kind === 'Deployment');
}

describe('the Helm chart', () => {
  beforeAll(async () => {
    await helm(['version']);
  }, 900_000);

  it.each([
    ['standalone', 'default'],
    ['beside-kserve', 'overlays/beside-kserve'],
  ])('renders in mode %s the objects of manifests/%s; `npm run chart` updates it', async (mode, path) => {
    const [chart, manifests] = [await renderChart('--set', `mode=${mode}`), await render(path)];
    expect(byName(chart)).toEqual(byName(manifests));
    expect(chart).toHaveLength(manifests.length);
  });

  it('passes `helm lint`', async () => {
    expect(await helm(['lint', '--strict', CHART])).toContain('0 chart(s) failed');
  });

  it('keeps the definitions on uninstall, and so all InferenceServices', async () => {
    const definitions = (await renderChart()).filter(({ kind }) => kind === 'CustomResourceDefinition');
    expect(definitions).toHaveLength(4);
    for (const { metadata } of definitions) {
      expect(metadata).toMatchObject({ annotations: { [KEPT]: 'keep' } });
    }
  });

  it('has the version of the package', async () => {
    const { version } = JSON.parse(await readFile(join(CHART, '../../package.json'), 'utf8')) as {
      version: string;
    };
    expect(parse(await readFile(join(CHART, 'Chart.yaml'), 'utf8'))).toMatchObject({
      ...{ version, appVersion: version },
    });
  });

  it('applies its values', async () => {
    const flags = [
      ...['image.repository=registry.example/mms', 'image.tag=v1', 'replicas=3', 'namespace=models'],
      ...['createNamespace=false', 'extraArgs={--log-level,debug}', 'nodeSelector.disk=ssd'],
      ...['resources.limits.memory=1Gi', 'imagePullSecrets[0].name=registry', 'tolerations[0].key=a'],
    ].flatMap((value) => ['--set', value]);
    const objects = await renderChart(...flags);
    const image = 'registry.example/mms:v1';
    expect(managerOf(objects)).toMatchObject({
      metadata: { namespace: 'models' },
      spec: {
        replicas: 3,
        template: {
          spec: {
            ...{ nodeSelector: { disk: 'ssd' }, imagePullSecrets: [{ name: 'registry' }] },
            tolerations: [{ key: 'a' }],
            containers: [
              {
                ...{ image, args: ['manager', '--predictors', '--log-level', 'debug'] },
                env: expect.arrayContaining([{ name: 'MMS_AGENT_IMAGE', value: image }]),
                resources: { limits: { memory: '1Gi' }, requests: { memory: '256Mi' } },
              },
            ],
          },
        },
      },
    });
    expect(JSON.stringify(objects)).not.toContain('kserve-mms-system');
    expect(objects.some(({ kind }) => kind === 'Namespace')).toBe(false);
  });

  it.each(['mode=both', 'replicas=-1', 'namespace=No', 'no.such=value'])('refuses %s', async (value) => {
    await expect(renderChart('--set', value)).rejects.toThrow(/don't meet the specifications/);
  });

  it('documents every value in its README', async () => {
    const values = parse(await readFile(join(CHART, 'values.yaml'), 'utf8')) as Record<string, unknown>;
    const schema = JSON.parse(await readFile(join(CHART, 'values.schema.json'), 'utf8')) as {
      properties: object;
    };
    const page = await readFile(join(CHART, 'README.md'), 'utf8');
    // Helm reserves `global`.
    expect(Object.keys(schema.properties).filter((name) => name !== 'global')).toEqual(Object.keys(values));
    for (const name of Object.keys(values)) expect(page).toMatch(new RegExp(`\`${name}[\`.]`));
  });

  describe('on a real API server', () => {
    let controlPlane: ControlPlane;

    beforeAll(async () => {
      controlPlane = await testControlPlane();
    });
    afterAll(() => controlPlane.stop());

    it('is installed, upgraded and uninstalled by Helm, and leaves definitions and models', async () => {
      const { kubeconfigPath } = controlPlane;
      const [install = '', uninstall = ''] = await shellBlocksOf('docs/install.md', 'With Helm');
      const pasted = async (commands: string): Promise<string> =>
        paste(commands, { env: { ...process.env, PATH: await pathWithHelm(), KUBECONFIG: kubeconfigPath } });
      await pasted(install);
      const get = (...what: readonly string[]): Promise<string> =>
        kubectl(kubeconfigPath, 'get', ...what, '-o', 'name', '--ignore-not-found');
      expect(await get('deployment', '-n', 'kserve-mms-system')).toBe('deployment.apps/kserve-mms-manager\n');
      await helm(['upgrade', 'kserve-mms', CHART, '--set', 'replicas=1'], kubeconfigPath);
      await pasted(uninstall);
      expect(await get('clusterrole', '-l', 'app.kubernetes.io/part-of=kserve-mms')).toBe('');
      expect(await get('mutatingwebhookconfiguration')).toBe('');
      expect((await get('crd')).trim().split('\n')).toHaveLength(4);
    });
  });
});
