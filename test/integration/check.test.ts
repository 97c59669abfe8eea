import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Check } from '../../src/cli/check/checks.decide.ts';
import type { KubernetesObject } from '../../src/contract/kubernetes.ts';
import { WEBHOOK_CONFIGURATION } from '../../src/contract/names.ts';
import { NAMESPACES, PODS, VALIDATING_WEBHOOK_CONFIGURATIONS } from '../../src/kube/resources.ts';
import type { Resource } from '../../src/kube/resources.ts';
import { eventually } from '../support/eventually.ts';
import { startExplainScene } from '../support/explain-scene.ts';
import type { ExplainScene } from '../support/explain-scene.ts';

const RESOURCE_QUOTAS: Resource = {
  ...{ group: '', version: 'v1', plural: 'resourcequotas', kind: 'ResourceQuota' },
  namespaced: true,
};

/** On a real API server, with a real manager outside of the cluster. */
describe('mms check', () => {
  let scene: ExplainScene;

  beforeAll(async () => {
    scene = await startExplainScene();
  });

  afterAll(() => scene.stop());

  async function outcomes(
    ...args: string[]
  ): Promise<{ code: number; stderr: string; checks: Record<string, string> }> {
    const { code, stdout, stderr } = await scene.mms('check', ...args, '-o', 'json');
    const { checks } = JSON.parse(stdout) as { checks: Check[] };
    return { code, stderr, checks: Object.fromEntries(checks.map(({ id, outcome }) => [id, outcome])) };
  }

  const WELL = {
    'definitions-served': 'ok',
    // The manager runs outside of the cluster.
    'deployment-ready': 'warning',
    'manager-may-work': 'unknown',
    'lease-held': 'ok',
    'pod-webhook-registered': 'ok',
    'model-webhook-registered': 'ok',
    'webhook-trusted': 'ok',
    'webhook-reached': 'ok',
    'pod-webhook-answers': 'ok',
    'model-webhook-answers': 'ok',
    'system-config-readable': 'ok',
  };

  it('reports no failure on a healthy installation', async () => {
    await eventually(async () => expect(await outcomes()).toMatchObject({ code: 0, checks: WELL }));
    const { stdout } = await scene.mms('check');
    expect(stdout).toMatch(/✓ lease-held .* leads\n/);
  });

  it('warns of a certificate that expires soon', async () => {
    const { code, checks } = await outcomes('--warn-days', '9999');
    expect({ code, trusted: checks['webhook-trusted'] }).toEqual({ code: 0, trusted: 'warning' });
  });

  it('reports with --pre what the cluster supports', async () => {
    expect(await outcomes('--pre')).toMatchObject({
      ...{ code: 0, stderr: '' },
      checks: {
        ...{ 'kubernetes-supported': 'ok', 'may-install': 'ok' },
        ...{ 'kserve-found': 'ok', 'cert-manager-found': 'ok', 'image-on-nodes': 'unknown' },
      },
    });
  });

  it.each([
    ['where the webhook admits a pod and a quota refuses it', 'ok', {}],
    ['that the webhook does not select', 'failed', { 'control-plane': 'theirs' }],
  ])('checks the webhook in a namespace %s', async (_what, outcome, labels) => {
    const name = `trial-${outcome}`;
    await scene.client.create(NAMESPACES, { metadata: { name, labels } });
    if (outcome === 'ok') await noPodsIn(name);
    expect((await outcomes('-n', name)).checks['pod-webhook-answers']).toBe(outcome);
    expect(await scene.client.list(PODS, { namespace: name })).toMatchObject({ items: [] });
  });

  async function noPodsIn(namespace: string): Promise<void> {
    const quota = { namespace, name: 'none' };
    const hard = { pods: '0' };
    await scene.client.create(RESOURCE_QUOTAS, { metadata: quota, spec: { hard } } as KubernetesObject);
    // Written by the test, because no quota controller runs.
    const status = { hard, used: hard };
    await scene.client.patch(
      RESOURCE_QUOTAS,
      quota,
      { type: 'merge', body: { status } },
      { subresource: 'status' },
    );
    const pod = { metadata: { namespace, name: 'x' }, spec: { containers: [{ name: 'x', image: 'x' }] } };
    await eventually(() => expect(scene.client.create(PODS, pod, { dryRun: true })).rejects.toThrow('quota'));
  }

  it('fails in a namespace where no manager runs', async () => {
    const { code, stderr, checks } = await outcomes('--manager-namespace', 'elsewhere');
    expect({ code, lease: checks['lease-held'] }).toEqual({ code: 1, lease: 'failed' });
    expect(stderr).toBe('mms: failed: lease-held\n');
  });

  it('fails when the manager is gone, and warns that invalid TrainedModels are admitted', async () => {
    await scene.manager.kill('SIGKILL');
    await eventually(async () => {
      const { code, checks } = await outcomes();
      expect(code).toBe(1);
      expect(checks).toMatchObject({
        ...{ 'webhook-reached': 'failed', 'lease-held': 'failed' },
        ...{ 'pod-webhook-answers': 'failed', 'model-webhook-answers': 'warning' },
      });
    }, 60_000);
    await scene.client.delete(VALIDATING_WEBHOOK_CONFIGURATIONS, { name: WEBHOOK_CONFIGURATION });
    expect((await outcomes()).checks['model-webhook-registered']).toBe('warning');
  });
});
