import { describe, expect, it } from '@jest/globals';
import { milliseconds } from '../../../src/lib/clock.ts';
import type { Deployment } from '../../../src/contract/predictor-outcome.ts';
import {
  configurationInForce,
  POD_RULES,
  TRAINED_MODEL_RULES,
  withRules,
} from '../../../src/contract/webhook-configuration.ts';
import type { WebhookConfiguration } from '../../../src/contract/webhook-configuration.ts';
import { decideSwitch, managerFuture, REACHED_FOR } from '../../../src/manager/webhook-switch.decide.ts';
import type { SwitchFacts } from '../../../src/manager/webhook-switch.decide.ts';

const configuration = (name: string, caBundle?: string): WebhookConfiguration => ({
  metadata: { name },
  webhooks: [{ name: 'w', clientConfig: { ...(caBundle !== undefined && { caBundle }) } }],
});
const OFF = configuration('ours', btoa('pem'));
const ON = withRules(OFF, POD_RULES);
const FORMER = withRules(configuration('former', btoa('pem')), POD_RULES);
const LONG = milliseconds(60_000);

/** Everything needed to enable the configurations. */
const GOOD: SwitchFacts = {
  ours: [{ configuration: OFF, rules: POD_RULES }],
  former: [],
  future: { kind: 'wanted', rolling: false },
  unready: undefined,
  reachedFor: LONG,
  onFor: undefined,
};
const RUNNING: SwitchFacts = { ...GOOD, ours: [{ configuration: ON, rules: POD_RULES }], onFor: LONG };
const GOING = { kind: 'unwanted', reason: 'it is scaled to zero' } as const;

describe('the next step of the leader for the webhook configurations', () => {
  it.each<[what: string, facts: SwitchFacts, step: object]>([
    ['everything needed is there', GOOD, { kind: 'switch-on' }],
    ['they are enabled', RUNNING, { kind: 'keep' }],
    ['it is unknown whether a replica is reachable', { ...GOOD, reachedFor: undefined }, { kind: 'ask' }],
    [
      'a replica has been reachable only briefly',
      { ...GOOD, reachedFor: milliseconds(REACHED_FOR - 1) },
      { kind: 'ask' },
    ],
    ['this replica is not ready', { ...GOOD, unready: 'caches' }, { kind: 'wait' }],
    [
      'there is no caBundle',
      { ...GOOD, ours: [{ configuration: configuration('ours'), rules: POD_RULES }] },
      { kind: 'wait', reason: 'webhook configuration ours has no caBundle yet' },
    ],
    [
      'one of two is disabled',
      { ...GOOD, ours: [...RUNNING.ours, { configuration: OFF, rules: TRAINED_MODEL_RULES }] },
      { kind: 'switch-on' },
    ],
    [
      'the rules are from another version',
      { ...RUNNING, ours: [{ configuration: withRules(OFF, TRAINED_MODEL_RULES), rules: POD_RULES }] },
      { kind: 'switch-on' },
    ],
    ['none is installed', { ...GOOD, ours: [] }, { kind: 'keep' }],
    ['no Deployment is known', { ...GOOD, future: { kind: 'unknown' } }, { kind: 'switch-on' }],
    ['the manager is unwanted, and they are disabled', { ...GOOD, future: GOING }, { kind: 'keep' }],
    ['the manager is unwanted', { ...RUNNING, future: GOING }, { kind: 'switch-off', reason: GOING.reason }],
    [
      'the manager is unwanted, and only the former one is enabled',
      { ...GOOD, former: [FORMER], future: GOING },
      { kind: 'switch-off' },
    ],
    ['a rollout is in progress', { ...RUNNING, future: { kind: 'wanted', rolling: true } }, { kind: 'keep' }],
    ['a former one exists and ours is disabled', { ...GOOD, former: [FORMER] }, { kind: 'switch-on' }],
    ['a former one exists and ours is enabled', { ...RUNNING, former: [FORMER] }, { kind: 'retire-former' }],
    [
      'a former one exists during a rollout',
      { ...RUNNING, former: [FORMER], future: { kind: 'wanted', rolling: true } },
      { kind: 'wait' },
    ],
    [
      'a former one exists and ours has just been enabled',
      { ...RUNNING, former: [FORMER], onFor: milliseconds(0) },
      { kind: 'wait' },
    ],
    ['only a former one is installed', { ...GOOD, ours: [], former: [FORMER] }, { kind: 'keep' }],
  ])('when %s', (_what, facts, step) => {
    expect(decideSwitch(facts)).toMatchObject(step);
  });
});

describe('the future of the manager according to its Deployment', () => {
  const deployment = (replicas: number | undefined, counts: object = {}): Deployment => ({
    metadata: { name: 'm', generation: 2 },
    spec: replicas === undefined ? {} : { replicas },
    status: { observedGeneration: 2, replicas: 2, updatedReplicas: 2, readyReplicas: 2, ...counts },
  });
  const deleted = {
    ...deployment(2),
    metadata: { name: 'm', generation: 2, deletionTimestamp: '2026-01-01T00:00:00Z' },
  };

  it.each<[what: string, found: Deployment | undefined, before: boolean, future: object]>([
    ['all replicas are updated', deployment(2), true, { kind: 'wanted', rolling: false }],
    [
      'one replica by default',
      deployment(undefined, { replicas: 1, updatedReplicas: 1, readyReplicas: 1 }),
      true,
      { kind: 'wanted', rolling: false },
    ],
    [
      'the change is not observed yet',
      deployment(2, { observedGeneration: 1 }),
      true,
      { kind: 'wanted', rolling: true },
    ],
    ['one replica is old', deployment(2, { updatedReplicas: 1 }), true, { kind: 'wanted', rolling: true }],
    ['one replica is surplus', deployment(2, { replicas: 3 }), true, { kind: 'wanted', rolling: true }],
    [
      'one replica is not ready',
      deployment(2, { readyReplicas: 1 }),
      true,
      { kind: 'wanted', rolling: true },
    ],
    ['there is no status yet', { ...deployment(2), status: {} }, true, { kind: 'wanted', rolling: true }],
    ['it is scaled to zero', deployment(0), true, { kind: 'unwanted' }],
    ['it is being deleted', deleted, true, { kind: 'unwanted' }],
    ['it does not exist any more', undefined, true, { kind: 'unwanted' }],
    ['it never existed', undefined, false, { kind: 'unknown' }],
  ])('%s', (_what, found, before, future) => {
    expect(managerFuture(found, before)).toMatchObject(future);
  });
});

describe('the configuration in force', () => {
  it.each([
    ['ours', ON, FORMER, ON],
    ['the former one, while ours is disabled', OFF, FORMER, FORMER],
    ['ours, when neither is enabled', OFF, withRules(FORMER, []), OFF],
    ['the only one', undefined, FORMER, FORMER],
    ['none', undefined, undefined, undefined],
  ])('is %s', (_what, ours, former, expected) => {
    expect(configurationInForce(ours, former)).toBe(expected);
  });
});
