import { beforeAll, describe, expect, it } from '@jest/globals';
import { argoRule } from '../support/argo-lua.ts';
import type { ArgoRule } from '../support/argo-lua.ts';
import { argoHealth } from '../support/gitops-health.ts';
import { kstatusOf } from '../support/kstatus.ts';
import { RUNNING, deployed, seen, STATES } from '../support/predictor-states.ts';

const TYPE = { apiVersion: 'serving.kserve.io/v1beta1', kind: 'InferenceService' };
const OBJECTS = STATES.map(([, outcome]) => {
  const { said: _said, metadata, status } = seen(outcome);
  return { ...TYPE, metadata, spec: {}, ...(status && { status }) };
});
const NAMES = STATES.map(([state]) => state);

describe('each written state of an InferenceService', () => {
  let rule: ArgoRule;

  beforeAll(async () => {
    rule = await argoRule('InferenceService');
  }, 300_000);

  it("has the documented health in Argo CD, by Argo CD's own rule", async () => {
    const found = await Promise.all(OBJECTS.map((object) => rule.health(object)));
    const documented = STATES.map(([state, , , , argo]) => [state, argo]);
    expect(found.map(({ status }, index) => [NAMES[index], status])).toEqual(documented);
  });

  it('has the documented status in Flux, by kstatus itself', async () => {
    const documented = STATES.map(([state, , , , , flux]) => [state, flux]);
    const found = await kstatusOf(OBJECTS);
    expect(found.map((status, index) => [NAMES[index], status])).toEqual(documented);
  }, 600_000);

  it('is InProgress while the status is of an earlier generation', async () => {
    const [running] = OBJECTS;
    const changed = { ...running, metadata: { ...running?.metadata, generation: 8 } };
    expect(await kstatusOf([changed])).toEqual(['InProgress']);
  }, 600_000);

  it('is not healthy before it has a status or while it is being deleted', async () => {
    const fresh = { ...TYPE, metadata: { name: 'flowers', namespace: 'ns', generation: 1 }, spec: {} };
    expect((await rule.health(fresh)).status).toBe('Progressing');
    const { metadata, status } = seen(deployed(RUNNING));
    const going = {
      ...TYPE,
      metadata: { ...metadata, deletionTimestamp: '2026-01-02T00:00:00Z' },
      spec: {},
      status,
    };
    expect(await kstatusOf([going])).toEqual(['Terminating']);
  }, 600_000);

  it('has its messages in Argo CD', async () => {
    const refused = STATES.findIndex(([state]) => state === 'its pods are refused');
    expect((await rule.health(OBJECTS[refused] ?? {})).message).toContain('quota');
  });

  it('has the same health by the model of the rule in the unit tests', async () => {
    const found = await Promise.all(OBJECTS.map((object) => rule.health(object)));
    expect(OBJECTS.map((object) => argoHealth(object))).toEqual(found.map(({ status }) => status));
  });
});
