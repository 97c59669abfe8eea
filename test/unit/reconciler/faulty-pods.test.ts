import { describe, expect, it } from '@jest/globals';
import { milliseconds, seconds } from '../../../src/core/clock.ts';
import { objectKey } from '../../../src/core/kubernetes.ts';
import { createFaultyPods } from '../../../src/reconciler/faulty-pods.ts';
import { newWaits } from '../../../src/reconciler/follower-waits.ts';
import { fakeClock } from '../../support/clocks.ts';

const service = objectKey('ns', 'sk');
const pod = (index: number) => objectKey('ns', `sk-${index}`);

describe('pods that were at fault', () => {
  it('are counted once each, by InferenceService, and forgiven after a while', async () => {
    const clock = fakeClock();
    const faulty = createFaultyPods(clock);
    faulty.add(service, pod(0));
    await clock.advance(seconds(400));
    faulty.add(service, pod(1));
    faulty.add(service, pod(1));
    expect([faulty.count(service), faulty.count(objectKey('ns', 'other'))]).toEqual([2, 0]);
    await clock.advance(seconds(300));
    expect(faulty.count(service)).toBe(1);
    faulty.forget(service, pod(1));
    expect(faulty.count(service)).toBe(0);
  });
});

describe('the wait after a connection', () => {
  const after = (faulty: boolean, faultyPods: number): number =>
    newWaits(() => 0).after({ faulty, lasted: milliseconds(100), faultyPods });

  it('is longer the more pods of the InferenceService are at fault, and never longer than a minute for that', () => {
    expect(after(true, 1)).toBeLessThanOrEqual(1_000);
    expect(after(true, 100)).toBe(30_000);
    expect(after(true, 10_000)).toBe(60_000);
  });

  it('is as short as ever for a connection that was at no fault', () => {
    expect(after(false, 10_000)).toBeLessThanOrEqual(250);
  });
});
