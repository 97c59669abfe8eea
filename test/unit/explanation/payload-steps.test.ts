import { describe, expect, it } from '@jest/globals';
import type { PredictorFacts } from '../../../src/explanation/facts.decide.ts';
import { payloadSteps } from '../../../src/explanation/payload-steps.decide.ts';

const pod = (name: string, args: readonly string[] | undefined) => ({
  metadata: { name, labels: { component: 'predictor' } },
  spec: {
    containers: [{ name: 'kserve-container' }, ...(args === undefined ? [] : [{ name: 'agent', args }])],
  },
});
const facts = (predictor: unknown, ...pods: unknown[]) =>
  ({
    inferenceService: { kind: 'known', value: { metadata: { name: 'sk' }, spec: { predictor } } },
    pods: { kind: 'known', value: pods },
  }) as unknown as PredictorFacts;
const reported = (of: PredictorFacts) =>
  payloadSteps(of).map(([id, judge]) => [id, judge().outcome, judge().message] as const);
const LOGGER = { logger: { mode: 'all', url: 'http://sink/' } };

describe('the steps for the logger and the batcher', () => {
  it.each([[undefined], [null], [{}], [{ logger: null, batcher: 'x' }]])('are empty for %j', (predictor) => {
    expect(payloadSteps(facts(predictor))).toEqual([]);
  });

  it('report values with which no agent starts', () => {
    const wrong = { logger: { mode: 'none' }, batcher: { maxBatchSize: 0 } };
    expect(reported(facts(wrong))[0]).toEqual([
      ...['payload-understood', 'broken'],
      'spec.predictor.logger.mode must be all, request or response; ' +
        'spec.predictor.batcher.maxBatchSize must be a whole number, 1 or more',
    ]);
    expect(reported(facts(LOGGER))[0]?.[1]).toBe('ok');
  });

  it.each([
    ['no pods', [], 'unknown', /no pod has an agent/],
    ['a pod without an agent', [pod('a', undefined)], 'unknown', /no pod has an agent/],
    ['a pod with it', [pod('a', ['--log-url', 'http://sink/'])], 'ok', /with the logger$/],
    [
      'a pod without it',
      [pod('a', ['--log-url', 'x']), pod('b', [])],
      'broken',
      /pod b .*without the logger/,
    ],
  ])('report whether the pods have it: %s', (_, pods, outcome, message) => {
    expect(reported(facts(LOGGER, ...pods))[1]).toEqual([
      ...['payload-in-pods', outcome],
      expect.stringMatching(message),
    ]);
  });

  it('report which of the two is missing', () => {
    const both = { ...LOGGER, batcher: {} };
    expect(reported(facts(both, pod('a', ['--log-url', 'x'])))[1]?.[2]).toMatch(/without the batcher/);
    const unread = { ...facts(both), pods: { kind: 'unreadable', why: 'forbidden' } } as PredictorFacts;
    expect(reported(unread)[1]).toEqual(['payload-in-pods', 'unknown', 'pods cannot be read: forbidden']);
  });
});
