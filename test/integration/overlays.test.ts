import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { readdirSync } from 'node:fs';
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ControlPlane } from '../../src/development/controlplane/control-plane.ts';
import { MUTATE_PODS_PATH } from '../../src/contract/names.ts';
import { testControlPlane } from '../support/control-plane.ts';
import { eventually } from '../support/eventually.ts';
import { installDefinitionsOf } from '../support/foreign-definitions.ts';
import { grantedRights } from '../support/granted-rights.ts';
import { kubectl, kubectlEnvironment } from '../support/kubectl.ts';
import { paste, shellOf } from '../support/page.ts';
import { withPlayedControllers } from '../support/played-controllers.ts';
import { manifests, render, type Rendered } from '../support/rendered.ts';
import { whatIsLeft } from '../support/what-is-ours.ts';

const GOLDENS = fileURLToPath(new URL('goldens', import.meta.url));
/** Every kustomization that users apply. */
const APPLICABLE = ['default', ...readdirSync(manifests('overlays')).map((name) => `overlays/${name}`)];
/** These are applied on top of an installation. */
const ADDITIONS = new Set(['overlays/monitoring']);
/** A namespace without any object of ours. */
const ELSEWHERE = 'default';

/** All cases share it; the last test of each kustomization uninstalls it. */
let controlPlane: ControlPlane;

beforeAll(async () => {
  controlPlane = await testControlPlane();
  await installDefinitionsOf('cert-manager', controlPlane.kubeconfigPath);
  await installDefinitionsOf('prometheus-operator', controlPlane.kubeconfigPath);
});
afterAll(() => controlPlane.stop());

describe.each(APPLICABLE)('manifests/%s', (path) => {
  let rendered: readonly Rendered[];

  beforeAll(async () => {
    rendered = await render(path);
    if (ADDITIONS.has(path)) await apply('default');
    // Namespaces that belong to others, such as KServe's.
    const brought = new Set(
      rendered.filter(({ kind }) => kind === 'Namespace').map(({ metadata }) => metadata.name),
    );
    for (const name of namespaces()) {
      if (name !== ELSEWHERE && !brought.has(name))
        await run('create', 'namespace', name).catch(alreadyThere);
    }
    // Objects of a new kind are refused until that kind is served.
    await eventually(() => apply(path));
  });

  const run = (...args: readonly string[]): Promise<string> => kubectl(controlPlane.kubeconfigPath, ...args);
  const apply = (which: string): Promise<string> => run('apply', '-k', manifests(which));
  const namespaces = (): string[] => [
    ...new Set([ELSEWHERE, ...rendered.flatMap(({ metadata }) => metadata.namespace ?? [])]),
  ];

  it('changes nothing when applied again', async () => {
    const before = await versions();
    await apply(path);
    expect(await versions()).toEqual(before);
  });

  it('labels all its objects, so that an uninstallation finds them', () => {
    const unlabelled = rendered.filter(({ metadata }) => {
      const { labels } = metadata as { labels?: Record<string, string> };
      return labels?.['app.kubernetes.io/part-of'] !== 'kserve-mms';
    });
    expect(unlabelled.map(({ kind, metadata }) => `${kind}/${metadata.name}`)).toEqual([]);
  });

  it('grants its service accounts exactly the recorded rights (UPDATE_GOLDENS=1 records them)', async () => {
    const accounts = rendered.filter(({ kind }) => kind === 'ServiceAccount');
    const sections: string[] = [];
    for (const { metadata } of accounts) {
      const { name, namespace = ELSEWHERE } = metadata;
      for (const where of namespaces()) {
        const rights = await grantedRights(controlPlane.kubeconfigPath, { name, namespace }, where);
        const title = where === ELSEWHERE ? 'any other namespace' : `namespace ${where}`;
        sections.push([`# ${namespace}/${name} in ${title}`, ...rights, ''].join('\n'));
      }
    }
    const golden = `${GOLDENS}/rights-${basename(path)}.txt`;
    const text = sections.join('\n');
    if (process.env['UPDATE_GOLDENS'] === '1') {
      await mkdir(GOLDENS, { recursive: true });
      await writeFile(golden, text);
    }
    expect(text).toBe(await readFile(golden, 'utf8'));
  });

  it('registers webhooks without rules, which the manager fills in', () => {
    const webhooks = rendered
      .filter(({ kind }) => kind.endsWith('WebhookConfiguration'))
      .flatMap((configuration) => configuration['webhooks'] as readonly Webhook[]);
    expect(webhooks.map(({ rules }) => rules)).toEqual(webhooks.map(() => undefined));
  });

  it('never calls the webhook for pods of control planes, including ours', () => {
    const webhooks = rendered
      .filter(({ kind }) => kind.endsWith('WebhookConfiguration'))
      .flatMap((configuration) => configuration['webhooks'] as readonly Webhook[])
      .filter(({ clientConfig }) => clientConfig.service.path === MUTATE_PODS_PATH);
    for (const { name, namespaceSelector } of webhooks) {
      const keys = namespaceSelector?.matchExpressions?.map(({ key, operator }) => `${operator} ${key}`);
      expect([name, keys]).toEqual([name, ['DoesNotExist control-plane']]);
    }
  });

  it("leaves only the kinds after the page's uninstallation", async () => {
    const { kubeconfigPath } = controlPlane;
    expect(await whatIsLeft(kubeconfigPath)).not.toEqual([]);
    const script = await shellOf('docs/install.md', 'Uninstall');
    const env = await kubectlEnvironment(kubeconfigPath);
    await withPlayedControllers(kubeconfigPath, () => paste(script, { env }));
    expect(await whatIsLeft(kubeconfigPath)).toEqual([]);
  });

  /** Changes with the object; kubectl reports some unchanged objects as "configured". */
  async function versions(): Promise<readonly string[]> {
    const { items } = JSON.parse(await run('get', '-k', manifests(path), '-o', 'json')) as {
      items: (Rendered & { metadata: { generation?: number; resourceVersion: string } })[];
    };
    return items.map(
      ({ kind, metadata }) => `${kind}/${metadata.name} ${metadata.generation ?? metadata.resourceVersion}`,
    );
  }
});

function alreadyThere(thrown: unknown): void {
  if (!String(thrown).includes('AlreadyExists')) throw thrown;
}

interface Webhook {
  readonly name: string;
  readonly clientConfig: { readonly service: { readonly path: string } };
  readonly rules?: unknown;
  readonly namespaceSelector?: {
    readonly matchExpressions?: readonly { readonly key: string; readonly operator: string }[];
  };
}
