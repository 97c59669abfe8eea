import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { ROOT, sectionsWithShell } from '../support/page.ts';

/** A test that runs the commands of a section as they are, or the reason why none does. */
type Coverage = { readonly pastedBy: string } | { readonly coveredBy: string; readonly because: string };

/**
 * Every section with commands, of every page. A new section needs a test that runs its commands, or a
 * reason.
 */
const COVERAGE: Readonly<Record<string, Readonly<Record<string, Coverage>>>> = {
  'README.md': {
    'Quick start': { pastedBy: 'test/agent/quick-start.test.ts' },
    'See it work': { pastedBy: 'test/agent/demo.test.ts' },
    'Install it on a cluster': { pastedBy: 'test/e2e/support/installation.ts' },
    'Uninstall it': { pastedBy: 'test/e2e/uninstall.test.ts' },
  },
  'CONTRIBUTING.md': {
    Tests: {
      coveredBy: 'test/e2e/jest.config.js',
      because: 'a shell for a person, on the node of the tests there',
    },
  },
  'certs/README.md': {
    'From cert-manager': { pastedBy: 'test/integration/pages.test.ts' },
  },
  'docs/alerts.md': {
    'Alerts and dashboard': { pastedBy: 'test/integration/monitoring.test.ts' },
  },
  'docs/benchmarks.md': {
    'Beside KServe, on your machine': {
      coveredBy: '.ci/run',
      because: 'it takes twenty minutes; the guard there runs the same parts in a shorter form',
    },
  },
  'docs/beside-kserve.md': {
    'Agent only': { pastedBy: 'test/integration/beside-kserve.test.ts' },
    Beside: { pastedBy: 'test/integration/beside-kserve.test.ts' },
    Takeover: { pastedBy: 'test/integration/takeover-kserve.test.ts' },
  },
  'docs/exposing.md': {
    'By the Gateway API': { pastedBy: 'test/integration/pages.test.ts' },
    'By an Ingress': { pastedBy: 'test/integration/pages.test.ts' },
  },
  'docs/install.md': {
    Install: { pastedBy: 'test/integration/install.test.ts' },
    'With Helm': { pastedBy: 'test/integration/chart.test.ts' },
    Upgrade: { pastedBy: 'test/integration/install.test.ts' },
    'When the webhook is switched on': { pastedBy: 'test/integration/install.test.ts' },
    'Roll back': { pastedBy: 'test/integration/install.test.ts' },
    'Roll back to 0.1.0': { pastedBy: 'test/integration/registration.test.ts' },
    'Scale to zero': { pastedBy: 'test/integration/registration.test.ts' },
    Uninstall: { pastedBy: 'test/integration/install.test.ts' },
    'Remove the models, too': { pastedBy: 'test/integration/install.test.ts' },
  },
  'docs/kind.md': {
    'Install it on kind': { pastedBy: 'test/integration/pages.test.ts' },
    'Serve a model': { pastedBy: 'test/integration/pages.test.ts' },
  },
  'docs/migration.md': {
    "From KServe's own agent and controllers": { pastedBy: 'test/integration/pages.test.ts' },
    'From ModelMesh': { pastedBy: 'test/integration/pages.test.ts' },
  },
  'docs/on-demand.md': {
    'How requests must come': { pastedBy: 'test/integration/beside-kserve.test.ts' },
  },
  'docs/page.md': {
    'Switch it on': { pastedBy: 'test/integration/page-switch.test.ts' },
  },
  'docs/predictors.md': {
    'Predictors without KServe': { pastedBy: 'test/integration/pages.test.ts' },
  },
  'docs/service-mesh.md': {
    'Check it': { pastedBy: 'test/integration/mesh.test.ts' },
  },
  'docs/sizing.md': {
    'Measure a model': { pastedBy: 'test/integration/pages.test.ts' },
    'Look at what is used': { pastedBy: 'test/integration/pages.test.ts' },
  },
  'docs/try-out.md': {
    'Try it with kubectl': { pastedBy: 'test/integration/try-out.test.ts' },
    'Look at a pod without a cluster': { pastedBy: 'test/integration/try-out.test.ts' },
  },
  'docs/troubleshooting.md': {
    'Whatever it is': { pastedBy: 'test/integration/pages.test.ts' },
    'A TrainedModel is not Ready': { pastedBy: 'test/integration/pages.test.ts' },
    'A model waits for memory': { pastedBy: 'test/integration/pages.test.ts' },
    'A model fails': { pastedBy: 'test/integration/pages.test.ts' },
    'A predictor pod has no agent': { pastedBy: 'test/integration/pages.test.ts' },
    'A model does not reach the pods': { pastedBy: 'test/integration/pages.test.ts' },
    'A TrainedModel or a pod is refused': { pastedBy: 'test/integration/pages.test.ts' },
    'Pods of InferenceServices cannot be created': { pastedBy: 'test/integration/pages.test.ts' },
    'Nothing changes any more': { pastedBy: 'test/integration/pages.test.ts' },
  },
};

async function pages(): Promise<string[]> {
  const below = await readdir(join(ROOT, 'docs'), { recursive: true });
  const docs = below.filter((path) => path.endsWith('.md')).map((path) => `docs/${path}`);
  return ['README.md', 'CONTRIBUTING.md', 'certs/README.md', ...docs].sort();
}

describe('the commands of the pages', () => {
  it('are all listed here, by section', async () => {
    const found = new Map<string, string[]>();
    for (const page of await pages()) {
      const sections = await sectionsWithShell(page);
      if (sections.length > 0) found.set(page, sections.sort());
    }
    const known = Object.entries(COVERAGE).map(
      ([page, sections]) => [page, Object.keys(sections).sort()] as const,
    );
    expect(Object.fromEntries(found)).toEqual(Object.fromEntries(known));
  });

  it('are in blocks of `sh`, as the tests expect', async () => {
    for (const page of await pages()) {
      const text = await readFile(join(ROOT, page), 'utf8');
      expect([page, ...text.matchAll(/^ *```(?:bash|shell|console|zsh|fish)$|^ +```sh$/gm)]).toEqual([page]);
    }
  });

  const entries = Object.entries(COVERAGE).flatMap(([page, sections]) =>
    Object.entries(sections).map(([section, coverage]) => ({ page, section, coverage })),
  );

  it.each(entries)('$page, "$section": the named test exists and refers to it', async (entry) => {
    const { page, section, coverage } = entry;
    const file = 'pastedBy' in coverage ? coverage.pastedBy : coverage.coveredBy;
    const test = await readFile(join(ROOT, file), 'utf8');
    if ('coveredBy' in coverage) return;
    expect(test).toContain(page);
    expect(
      [`'${section}'`, `"${section}"`, `'${section}: `].some((text) => test.includes(text)) ||
        test.includes(`${section}:`),
    ).toBe(true);
  });
});
