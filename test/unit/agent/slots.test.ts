import { describe, expect, it } from '@jest/globals';
import { createSlots, type Slot } from '../../../src/agent/slots.ts';
import { seconds } from '../../../src/lib/clock.ts';
import { fakeClock } from '../../support/clocks.ts';

/** Runs `count` pieces of work with 8 slots. `ends` returns after how many seconds each ends, if at all. */
function scene(count: number, ends: (index: number) => number | undefined) {
  const clock = fakeClock();
  const slots = createSlots(8, { clock, after: seconds(1) });
  const running = new Set<number>();
  let [most, done] = [0, 0];
  const work = async (index: number, slot: Slot | undefined): Promise<void> => {
    running.add(index);
    most = Math.max(most, running.size);
    const span = ends(index);
    if (span === undefined) return;
    await clock.sleep(seconds(span));
    running.delete(index);
    done += 1;
    slot?.release();
  };
  const never = new AbortController().signal;
  for (let index = 0; index < count; index += 1) void slots.take(never).then((slot) => work(index, slot));
  return { clock, most: () => most, done: () => done };
}

describe('slots', () => {
  it('quick work: never exceeds the number of slots', async () => {
    const { clock, most, done } = scene(300, () => 0.1);
    await clock.advance(10_000);
    expect([most(), done()]).toEqual([8, 300]);
  });

  it.each([
    [1, 16],
    [10, 27],
    [60, 40],
    [900, 101],
  ])('all hang: after %i s at most %i run at once', async (after, expected) => {
    const { clock, most } = scene(300, () => undefined);
    await clock.advance(after * 1_000);
    expect(most()).toBeLessThanOrEqual(expected);
    expect(most()).toBeGreaterThan(expected / 2);
  });

  it('all are slow: at most three times as many run, and all finish', async () => {
    const { clock, most, done } = scene(300, () => 5);
    await clock.advance(200_000);
    expect(done()).toBe(300);
    expect(most()).toBeLessThanOrEqual(24);
  });

  it.each([8, 16, 20])('%i hang: the others finish', async (hanging) => {
    const { clock, done } = scene(300, (index) => (index < hanging ? undefined : 0.1));
    await clock.advance(60_000);
    expect(done()).toBe(300 - hanging);
  });
});
