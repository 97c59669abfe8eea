import { describe, expect, it } from '@jest/globals';
import type { MonotonicMs } from '../../../src/lib/clock.ts';
import {
  modelLoadedOf,
  replicasIn,
  SILENCE_BELIEVED,
  withoutReplicas,
} from '../../../src/contract/model-loaded.ts';
import type { ReplicaModel, ReplicaView } from '../../../src/contract/model-loaded.ts';

const NOW = 1_000_000 as MonotonicMs;
const WANTED = 'a'.repeat(64);

const reported = (pod: string, model: Partial<ReplicaModel>, ready = true): ReplicaView => ({
  ...{ kind: 'reported', pod, ready },
  model: { phase: 'Loaded', specHash: WANTED, reason: '', message: '', ...model },
});
const silent = (pod: string, forMs: number, last?: Partial<ReplicaModel>): ReplicaView => ({
  ...{ kind: 'silent', pod, ready: true, since: (NOW - forMs) as MonotonicMs, why: 'connection refused' },
  last: last && { phase: 'Loaded', specHash: WANTED, reason: '', message: '', ...last },
});
const failed = { phase: 'Failed', reason: 'NotFound', message: '404 from s3://b/m' } as const;
const loadedOf = (pods: readonly ReplicaView[], starting = 0) =>
  modelLoadedOf({ waiting: undefined, pods, starting, expected: WANTED, now: NOW });

describe('whether a model is loaded', () => {
  it.each([
    ['on the only pod', [reported('a', {})], 'True', 'Loaded', 'loaded on every ready replica'],
    [
      'on all pods',
      [reported('a', {}), reported('b', {})],
      'True',
      'Loaded',
      'loaded on every ready replica',
    ],
    ...(['Standby', 'Remote'] as const).map((phase): [string, ReplicaView[], string, string, string] => [
      `in memory on one, ${phase} on the other`,
      [reported('a', {}), reported('b', { phase })],
      ...(['True', 'Standby', 'has loaded on every ready replica, and is loaded again on request'] as const),
    ]),
    [
      'asleep on one pod, new on the other',
      [reported('a', { phase: 'Standby' }), reported('b', { phase: 'Loading' })],
      'False',
      'Loading',
      'loaded on 1 of 2 replicas',
    ],
    [
      'on two of three pods',
      [reported('a', {}), reported('b', {}), reported('c', failed)],
      'False',
      'Failed',
      'loaded on 2 of 3 replicas; pod c: NotFound: 404 from s3://b/m',
    ],
    [
      'on none of five pods, of which three are named',
      ['a', 'b', 'c', 'd', 'e'].map((pod) => reported(pod, { phase: 'Failed' })),
      'False',
      'Failed',
      'loaded on 0 of 5 replicas; pod a: failed; pod b: failed; pod c: failed; and 2 more',
    ],
    [
      'on a pod without a report',
      [{ kind: 'unreported', pod: 'a', ready: true } as const],
      'False',
      'Queued',
      'loaded on 0 of 1 replicas',
    ],
    [
      'another version',
      [reported('a', { specHash: 'b'.repeat(64) })],
      'False',
      'Queued',
      'loaded on 0 of 1 replicas',
    ],
    [
      'another version, which failed',
      [reported('a', { ...failed, specHash: 'b'.repeat(64) })],
      'False',
      'Queued',
      'loaded on 0 of 1 replicas',
    ],
    [
      'reported by an agent without a version',
      [reported('a', { specHash: undefined })],
      'True',
      'Loaded',
      'loaded on every ready replica',
    ],
    [
      'the reason is that of the least advanced pod',
      [reported('a', { phase: 'Loading' }), reported('b', { phase: 'Downloading' })],
      'False',
      'Downloading',
      'loaded on 0 of 2 replicas',
    ],
    [
      'a pod that is starting does not count',
      [reported('a', {}), reported('b', failed, false)],
      'True',
      'Loaded',
      'loaded on every ready replica',
    ],
    [
      'a pod that is starting counts when none is ready',
      [reported('b', failed, false)],
      'False',
      'Failed',
      'loaded on 0 of 1 replicas; pod b: NotFound: 404 from s3://b/m',
    ],
    [
      'an agent that has been silent for long',
      [reported('a', {}), silent('b', SILENCE_BELIEVED, {})],
      'Unknown',
      'AgentNotReachable',
      'loaded on 1 of 2 replicas; pod b: agent not reachable (connection refused)',
    ],
    [
      'an agent that has just become silent',
      [reported('a', {}), silent('b', 10, {})],
      'True',
      'Loaded',
      'loaded on every ready replica',
    ],
    ['no pod', [], 'False', 'NoReplicas', 'no predictor pod runs'],
  ] as const)('%s', (_, pods, status, reason, message) => {
    expect(loadedOf(pods)).toMatchObject({ status, reason, message });
  });

  it('reports a problem with the placement before anything else', () => {
    const waiting = { name: 'm', reason: 'MemoryResourceNotAvailable', message: 'needs 1Gi' } as const;
    expect(
      modelLoadedOf({ waiting, pods: [reported('a', {})], starting: 0, expected: WANTED, now: NOW }),
    ).toEqual({
      ...{ status: 'False', reason: 'MemoryResourceNotAvailable', message: 'needs 1Gi', settled: true },
    });
  });

  it('is checked again when an agent has been silent for long enough', () => {
    const { settled, lookAgainAt } = loadedOf([silent('a', 5_000)]);
    expect({ settled, lookAgainAt }).toEqual({ settled: false, lookAgainAt: NOW - 5_000 + SILENCE_BELIEVED });
  });

  it('waits for pods without an address', () => {
    expect(loadedOf([], 2)).toMatchObject({
      reason: 'NoReplicas',
      message: expect.stringContaining('2 predictor pods'),
      settled: false,
    });
  });

  it('reads the numbers back from its message', () => {
    const { message } = loadedOf([reported('a', {}), reported('b', {}), reported('c', failed)]);
    expect(replicasIn(message)).toEqual({ loaded: 2, total: 3 });
    expect(withoutReplicas(message)).toBe('pod c: NotFound: 404 from s3://b/m');
    expect(replicasIn('no predictor pod runs')).toBeUndefined();
    expect(withoutReplicas('no predictor pod runs')).toBe('no predictor pod runs');
  });
});
