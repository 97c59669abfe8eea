import { beforeAll, describe, expect, it } from '@jest/globals';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parse } from 'yaml';
import { ruleOf } from '../support/argo-lua.ts';
import type { ArgoRule } from '../support/argo-lua.ts';
import { runCommand } from '../support/command-run.ts';
import { kstatusOf } from '../support/kstatus.ts';
import { ROOT } from '../support/page.ts';

const PAGE = 'docs/gitops.md';

/**
 * The Ready condition of a TrainedModel by status and reason, then its health in Argo CD by the page's rule and its
 * status in Flux.
 */
const STATES: readonly (readonly [string, string, string, string])[] = [
  ['True', 'Loaded', 'Healthy', 'Current'],
  ['True', 'Standby', 'Healthy', 'Current'],
  ['False', 'Queued', 'Progressing', 'InProgress'],
  ['False', 'Downloading', 'Progressing', 'InProgress'],
  ['False', 'NoReplicas', 'Progressing', 'InProgress'],
  ['False', 'InferenceServiceNotFound', 'Progressing', 'InProgress'],
  ['False', 'InferenceServiceNotReady', 'Progressing', 'InProgress'],
  ['Unknown', 'AgentNotReachable', 'Progressing', 'InProgress'],
  ['False', 'Failed', 'Degraded', 'InProgress'],
  ['False', 'MemoryResourceNotAvailable', 'Degraded', 'InProgress'],
  ['False', 'IsNotMMSPredictor', 'Degraded', 'InProgress'],
  ['False', 'ConfigMapFull', 'Degraded', 'InProgress'],
  ['False', 'ConfigMapNotWritten', 'Degraded', 'InProgress'],
  ['False', 'InvalidName', 'Degraded', 'InProgress'],
  ['False', 'InvalidSpec', 'Degraded', 'InProgress'],
];

function model(status?: string, reason?: string, observedGeneration = 2): object {
  const conditions = [
    { type: 'ModelLoaded', status: 'True' },
    { type: 'Ready', status, reason, message: reason },
  ];
  return {
    ...{ apiVersion: 'serving.kserve.io/v1alpha1', kind: 'TrainedModel' },
    metadata: { name: 'iris', namespace: 'flowers', generation: 2 },
    ...(status !== undefined && { status: { observedGeneration, conditions } }),
  };
}

interface Written {
  readonly kind: string;
  readonly data?: Readonly<Record<string, string>>;
}

/** The YAML blocks of the page, parsed. */
async function yamlBlocks(): Promise<readonly Written[]> {
  const text = await readFile(join(ROOT, PAGE), 'utf8');
  return [...text.matchAll(/^```yaml\n([^]*?)^```$/gm)].map(([, block = '']) => parse(block) as Written);
}

describe('a TrainedModel in GitOps tools', () => {
  let rule: ArgoRule;

  beforeAll(async () => {
    const config = (await yamlBlocks()).find(({ kind }) => kind === 'ConfigMap');
    rule = ruleOf(config?.data?.['resource.customizations.health.serving.kserve.io_TrainedModel'] ?? '');
  });

  it.each(STATES)("Ready=%s %s: is %s by the page's rule, with a message", async (status, reason, argo) => {
    expect(await rule.health(model(status, reason))).toEqual({ status: argo, message: reason });
  });

  it.each([
    ['has no status', model()],
    ['has a status of an earlier generation', model('True', 'Loaded', 1)],
  ])('is Progressing while it %s', async (_what, object) => {
    expect((await rule.health(object)).status).toBe('Progressing');
  });

  it('has the status in kstatus, and so in Flux, that its Ready condition implies', async () => {
    const found = await kstatusOf(STATES.map(([status, reason]) => model(status, reason)));
    expect(found).toEqual(STATES.map(([, , , flux]) => flux));
  }, 600_000);
});

describe('the model on the page', () => {
  it('has no error; only its InferenceService is missing', async () => {
    const written = (await yamlBlocks()).find(({ kind }) => kind === 'TrainedModel');
    const directory = await mkdtemp(join(tmpdir(), 'kserve-mms-gitops-'));
    try {
      await writeFile(join(directory, 'model.yaml'), JSON.stringify(written));
      const { code, stdout } = await runCommand(['analyze', '-f', directory]);
      expect(code).toBe(0);
      expect(stdout).not.toContain('error');
    } finally {
      await rm(directory, { recursive: true });
    }
  });
});
