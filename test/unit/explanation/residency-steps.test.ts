import { describe, expect, it } from '@jest/globals';
import type { PredictorFacts } from '../../../src/explanation/facts.decide.ts';
import { residencySteps } from '../../../src/explanation/residency-steps.decide.ts';

const facts = (annotations: Record<string, string> | undefined, spec?: object, waking?: object) =>
  ({
    inferenceService: { kind: 'known', value: { metadata: { name: 'sk', namespace: 'ns', annotations } } },
    service: { kind: 'known', value: spec && { metadata: { name: 'sk-predictor' }, spec } },
    wakingService: { kind: 'known', value: waking && { metadata: { name: 'sk-mms' }, spec: waking } },
  }) as unknown as PredictorFacts;
const ON_DEMAND = { 'kserve-mms/residency': 'on-demand' };
const reported = (of: PredictorFacts) =>
  residencySteps(of).map(([id, judge]) => [id, judge().outcome, judge().message] as const);

describe('the steps for residency', () => {
  it('are empty without on-demand residency', () => {
    expect(residencySteps(facts(undefined))).toEqual([]);
    expect(residencySteps(facts({ 'kserve-mms/residency': 'always' }))).toEqual([]);
  });

  it('report invalid annotations', () => {
    expect(reported(facts({ ...ON_DEMAND, 'kserve-mms/memory-budget': 'plenty' }))[0]).toEqual([
      'residency-understood',
      'broken',
      expect.stringContaining('"plenty"'),
    ]);
    expect(reported(facts({ 'kserve-mms/residency': 'Always' }))).toHaveLength(1);
  });

  it.each([
    ['the agent', { ports: [{ port: 80, targetPort: 9081 }] }, 'ok'],
    ['the agent by port name', { ports: [{ port: 80, targetPort: 'agent-port' }] }, 'ok'],
    ['Knative', { type: 'ExternalName', externalName: 'gateway' }, 'ok'],
    ['the model server behind the agent', { ports: [{ port: 80, targetPort: 8080 }] }, 'broken'],
    ['the model server by port number', { ports: [{ port: 8080 }] }, 'broken'],
    ['no port', {}, 'unknown'],
    ['an unknown target', undefined, 'unknown'],
  ])('check a Service that targets %s', (_, spec, outcome) => {
    expect(reported(facts(ON_DEMAND, spec))[1]?.slice(0, 2)).toEqual(['service-wakes', outcome]);
  });

  const PAST = { ports: [{ port: 80, targetPort: 8080 }] };

  it('advise to create a Service when that of the predictor bypasses the agent', () => {
    const [, step] = residencySteps(facts(ON_DEMAND, PAST));
    expect(step?.[1]().advice).toContain(
      'kubectl expose deployment sk-predictor --name sk-mms --port 80 --target-port 9081 -n ns',
    );
  });

  it.each([
    ['the agent', { ports: [{ port: 80, targetPort: 9081 }] }, 'ok', 'Service sk-mms targets the agent'],
    ['another port', { ports: [{ port: 80, targetPort: 80 }] }, 'broken', 'Service sk-mms targets port 80'],
  ])('check the additional Service when it targets %s', (_, waking, outcome, words) => {
    expect(reported(facts(ON_DEMAND, PAST, waking))[1]).toEqual([
      'service-wakes',
      outcome,
      expect.stringContaining(words),
    ]);
  });
});
