import { describe, expect, it } from '@jest/globals';
import { milliseconds, seconds } from '../../../../src/lib/clock.ts';
import { objectKey } from '../../../../src/contract/kubernetes.ts';
import { createFaultyPods } from '../../../../src/controllers/status/faulty-pods.ts';
import { newWaits } from '../../../../src/controllers/status/follower-waits.ts';
import { fakeClock } from '../../../support/clocks.ts';

const service = objectKey('ns', 'sk');
const pod = (index: number) => objectKey('ns', `sk-${index}`);

describe('pods at fault', () => {
  it('are counted once each, by InferenceService, and forgotten after a while', async () => {
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

  it('grows with the number of faulty pods of the InferenceService, up to a minute', () => {
    expect(after(true, 1)).toBeLessThanOrEqual(1_000);
    expect(after(true, 100)).toBe(30_000);
    expect(after(true, 10_000)).toBe(60_000);
  });

  it('stays short for a connection without a fault', () => {
    expect(after(false, 10_000)).toBeLessThanOrEqual(250);
  });
});
