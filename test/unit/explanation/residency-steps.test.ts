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
const told = (of: PredictorFacts) =>
  residencySteps(of).map(([id, judge]) => [id, judge().outcome, judge().message] as const);

describe('what is said of residency', () => {
  it('is nothing where nobody asks for it', () => {
    expect(residencySteps(facts(undefined))).toEqual([]);
    expect(residencySteps(facts({ 'kserve-mms/residency': 'always' }))).toEqual([]);
  });

  it('is what an annotation says in vain', () => {
    expect(told(facts({ ...ON_DEMAND, 'kserve-mms/memory-budget': 'plenty' }))[0]).toEqual([
      'residency-understood',
      'broken',
      expect.stringContaining('"plenty"'),
    ]);
    expect(told(facts({ 'kserve-mms/residency': 'Always' }))).toHaveLength(1);
  });

  it.each([
    ['to the agent', { ports: [{ port: 80, targetPort: 9081 }] }, 'ok'],
    ['to the agent by its name', { ports: [{ port: 80, targetPort: 'agent-port' }] }, 'ok'],
    ['to Knative', { type: 'ExternalName', externalName: 'gateway' }, 'ok'],
    ['past the agent', { ports: [{ port: 80, targetPort: 8080 }] }, 'broken'],
    ['past the agent, by its own number', { ports: [{ port: 8080 }] }, 'broken'],
    ['nowhere', {}, 'unknown'],
    ['who knows where', undefined, 'unknown'],
  ])('a Service that leads %s', (_, spec, outcome) => {
    expect(told(facts(ON_DEMAND, spec))[1]?.slice(0, 2)).toEqual(['service-wakes', outcome]);
  });

  const PAST = { ports: [{ port: 80, targetPort: 8080 }] };

  it('is how to make a Service where that of the predictor leads past the agent', () => {
    const [, step] = residencySteps(facts(ON_DEMAND, PAST));
    expect(step?.[1]().advice).toContain(
      'kubectl expose deployment sk-predictor --name sk-mms --port 80 --target-port 9081 -n ns',
    );
  });

  it.each([
    ['to the agent', { ports: [{ port: 80, targetPort: 9081 }] }, 'ok', 'Service sk-mms targets the agent'],
    ['elsewhere', { ports: [{ port: 80, targetPort: 80 }] }, 'broken', 'Service sk-mms targets port 80'],
  ])('counts that Service once it leads %s', (_, waking, outcome, words) => {
    expect(told(facts(ON_DEMAND, PAST, waking))[1]).toEqual([
      'service-wakes',
      outcome,
      expect.stringContaining(words),
    ]);
  });
});
