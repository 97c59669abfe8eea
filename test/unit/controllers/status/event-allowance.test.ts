import { describe, expect, it } from '@jest/globals';
import type { KubernetesObject } from '../../../../src/contract/kubernetes.ts';
import { createEventAllowance } from '../../../../src/controllers/status/event-allowance.ts';
import { fakeClock } from '../../../support/clocks.ts';

const object = (namespace: string, index: number): KubernetesObject => ({
  metadata: { namespace, name: `m${index}`, uid: `${namespace}-${index}` },
});

/** Takes events for each namespace in turn for so many seconds. Returns the count of each. */
async function takeAll(
  allowance: ReturnType<typeof createEventAllowance>,
  clock: ReturnType<typeof fakeClock>,
  { namespaces, seconds }: { readonly namespaces: readonly string[]; readonly seconds: number },
): Promise<Map<string, number>> {
  const got = new Map(namespaces.map((namespace) => [namespace, 0]));
  let index = 0;
  for (let tenth = 0; tenth < seconds * 10; tenth += 1) {
    for (const namespace of namespaces) {
      while (allowance.take(object(namespace, (index += 1)))) {
        got.set(namespace, (got.get(namespace) ?? 0) + 1);
      }
    }
    await clock.advance(100);
  }
  return got;
}

describe('events about objects', () => {
  it('of a single namespace are limited to a hundred at once, and then nearly ten a second', async () => {
    const clock = fakeClock();
    const allowance = createEventAllowance(clock);
    let atOnce = 0;
    while (allowance.take(object('a', atOnce))) atOnce += 1;
    expect(atOnce).toBe(100);
    await takeAll(allowance, clock, { namespaces: ['a'], seconds: 120 });
    const got = await takeAll(allowance, clock, { namespaces: ['a'], seconds: 60 });
    expect(got.get('a')).toBeGreaterThan(500);
  });

  it.each([1, 2, 10, 50])(
    'of a namespace that has been quiet are written while %i others write without end',
    async (count) => {
      const clock = fakeClock();
      const allowance = createEventAllowance(clock);
      const namespaces = Array.from({ length: count }, (_, index) => `greedy-${index}`);
      const got = await takeAll(allowance, clock, { namespaces, seconds: 300 });
      // The others share what remains.
      expect(Math.max(...got.values())).toBeLessThan(2 * Math.min(...got.values()) + 100);
      expect(allowance.take(object('quiet', 0))).toBe(true);
      await clock.advance(1000);
      await takeAll(allowance, clock, { namespaces, seconds: 5 });
      expect(allowance.take(object('quiet', 1))).toBe(true);
    },
  );

  it('leave room for the other objects of a namespace when one changes all the time', async () => {
    const clock = fakeClock();
    const allowance = createEventAllowance(clock);
    let taken = 0;
    for (let second = 0; second < 300; second += 1) {
      for (let count = 0; count < 10; count += 1) if (allowance.take(object('a', 0))) taken += 1;
      await clock.advance(1000);
    }
    expect(taken).toBeLessThanOrEqual(26);
    expect(allowance.take(object('a', 1))).toBe(true);
  });

  it('are counted separately for objects with the same name in two namespaces', () => {
    const allowance = createEventAllowance(fakeClock());
    const named = (namespace: string) => ({ metadata: { namespace, name: '__proto__' } });
    while (allowance.take(named('a')));
    expect(allowance.take(named('b'))).toBe(true);
  });
});
