import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseAllDocuments } from 'yaml';
import type { ControlPlane } from '../../src/development/controlplane/control-plane.ts';
import { testControlPlane } from '../support/control-plane.ts';
import { eventually } from '../support/eventually.ts';
import { kubectl, kubectlEnvironment } from '../support/kubectl.ts';
import { paste, ROOT, shellOf } from '../support/page.ts';
import { withPlayedControllers } from '../support/played-controllers.ts';
import { manifests } from '../support/rendered.ts';

const PAGE = 'docs/page.md';

interface Deployment {
  readonly kind: string;
  readonly spec: {
    readonly template: {
      readonly spec: { readonly containers: { env: { name: string; value?: string }[] }[] };
    };
  };
}

/** The port of the page in a manager's Deployment. */
function pagePortOf({ spec }: Deployment): string | undefined {
  return spec.template.spec.containers[0]?.env.find(({ name }) => name === 'MMS_PAGE_PORT')?.value;
}

describe(PAGE, () => {
  let controlPlane: ControlPlane;
  beforeAll(async () => {
    controlPlane = await testControlPlane();
    await eventually(() => run('apply', '-k', manifests('default')));
  });
  afterAll(() => controlPlane.stop());

  const run = (...args: readonly string[]): Promise<string> => kubectl(controlPlane.kubeconfigPath, ...args);
  const deployment = async (): Promise<Deployment> =>
    JSON.parse(
      await run('-n', 'kserve-mms-system', 'get', 'deployment/kserve-mms-manager', '-o', 'json'),
    ) as Deployment;

  it('has commands that switch the page on, which is off by default', async () => {
    expect(pagePortOf(await deployment())).toBeUndefined();
    const { kubeconfigPath } = controlPlane;
    const env = await kubectlEnvironment(kubeconfigPath);
    const script = await shellOf(PAGE, 'Switch it on');
    const output = await withPlayedControllers(kubeconfigPath, () => paste(script, { env }));
    expect(output).toContain('successfully rolled out');
    expect(pagePortOf(await deployment())).toBe('8088');
    // An upgrade keeps it on.
    await run('apply', '-k', manifests('default'));
    expect(pagePortOf(await deployment())).toBe('8088');
  });

  it('has a patch for a kustomization that does the same', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'kserve-mms-page-'));
    try {
      await cp(join(ROOT, 'manifests'), join(directory, 'manifests'), { recursive: true });
      await mkdir(join(directory, 'mine'));
      const [, patch = ''] = /^```yaml\n([^]*?)^```$/m.exec(await readFile(join(ROOT, PAGE), 'utf8')) ?? [];
      const resources = 'resources:\n  - ../manifests/default\n';
      await writeFile(join(directory, 'mine', 'kustomization.yaml'), `${resources}${patch}`);
      const rendered = parseAllDocuments(await run('kustomize', join(directory, 'mine')));
      const objects = rendered.map((document) => document.toJS() as Deployment);
      expect(pagePortOf(objects.find(({ kind }) => kind === 'Deployment')!)).toBe('8088');
    } finally {
      await rm(directory, { recursive: true });
    }
  });
});
