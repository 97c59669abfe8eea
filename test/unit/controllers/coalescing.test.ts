import { describe, expect, it } from '@jest/globals';
import { milliseconds, seconds } from '../../../src/lib/clock.ts';
import { settle } from '../../support/clocks.ts';
import { seededRandom } from '../../support/seeded-random.ts';
import { testQueue } from './test-queue.ts';

const POLICY = { first: milliseconds(100), cap: seconds(8), rest: milliseconds(500) };

describe('a work queue that coalesces', () => {
  it('coalesces a burst: the first change runs at once, then runs become less frequent until it ends', async () => {
    const { queue, clock, runs } = testQueue({ coalesce: { ...POLICY, cap: milliseconds(300) } });
    for (let i = 0; i < 1000; i += 1) {
      queue.add('a');
      await clock.advance(1);
    }
    await clock.advance(1000);
    // The last change came at 999. It is quiet a hundred milliseconds later, before the window ends at 1200.
    expect(runs).toEqual(['a@0', 'a@100', 'a@300', 'a@600', 'a@900', 'a@1099']);
    queue.add('a');
    await clock.advance(50);
    queue.add('a');
    await clock.advance(1000);
    expect(runs.slice(-2)).toEqual(['a@2000', 'a@2100']);
  });

  it('coalesces an endless burst to one run in each window of maximum length', async () => {
    const { queue, clock, runs } = testQueue({ coalesce: { ...POLICY, cap: milliseconds(4000) } });
    for (let at = 0; at < 20_000; at += 50) {
      queue.add('a');
      await clock.advance(50);
    }
    const starts = [0, 100, 300, 700, 1500, 3100, 6300, 10_300, 14_300, 18_300];
    expect(runs).toEqual(starts.map((at) => `a@${at}`));
  });

  it.each([
    { gap: 300, changes: 60, runs: 9 },
    { gap: 450, changes: 60, runs: 11 },
    { gap: 500, changes: 60, runs: 60 },
  ])('coalesces changes $gap ms apart: $changes of them in $runs runs', async (table) => {
    const { queue, clock, runs } = testQueue({ coalesce: POLICY });
    for (let change = 0; change < table.changes; change += 1) {
      queue.add('a');
      await clock.advance(table.gap);
    }
    await clock.advance(8_000);
    expect(runs).toHaveLength(table.runs);
  });

  it.each([
    { gap: 100, longest: 400 },
    { gap: 400, longest: 100 },
  ])('delays a caller that waits for each run, and $gap ms more, by $longest ms at most', async (table) => {
    const { queue, clock, runs } = testQueue({ coalesce: POLICY });
    const waits: number[] = [];
    for (let change = 1; change <= 48; change += 1) {
      queue.add('a');
      await settle();
      let waited = 0;
      for (; runs.length < change; waited += 100) await clock.advance(100);
      waits.push(waited);
      await clock.advance(table.gap);
    }
    expect(Math.max(...waits)).toBe(table.longest);
  });

  it.each(Array.from({ length: 20 }, (_, seed) => ({ seed })))(
    'runs after each of some random changes, at most half a second after a rest, never twice in 100 ms: $seed',
    async ({ seed }) => {
      const random = seededRandom(seed);
      const { queue, clock, runs } = testQueue({ coalesce: POLICY });
      const changes: number[] = [];
      for (let at = 0, longest = 10; changes.length < 300;) {
        queue.add('a');
        changes.push(at);
        if (random() < 0.05) longest = 10 ** (1 + 2.5 * random());
        const gap = Math.ceil(random() * longest);
        await clock.advance(gap);
        at += gap;
      }
      await clock.advance(8_000);
      const starts = runs.map((run) => Number(run.split('@')[1]));
      const waits = changes.map((at, index) => {
        const quietUntil = changes[index + 1] ?? Infinity;
        const start = starts.find((each) => each >= at) ?? Infinity;
        return { waited: start - at, hadRest: quietUntil - at > 500 };
      });
      expect(Math.max(...waits.map(({ waited }) => waited))).toBeLessThanOrEqual(8_000);
      expect(
        Math.max(...waits.filter(({ hadRest }) => hadRest).map(({ waited }) => waited)),
      ).toBeLessThanOrEqual(500);
      const spans = starts.slice(1).map((start, index) => start - starts[index]!);
      expect(Math.min(...spans)).toBeGreaterThanOrEqual(100);
    },
  );

  it('does not delay a key because of the window of another', async () => {
    const { queue, clock, runs } = testQueue({ coalesce: { ...POLICY, cap: milliseconds(300) } });
    queue.add('a');
    await clock.advance(10);
    queue.add('a');
    queue.add('b');
    await settle();
    expect(runs).toEqual(['a@0', 'b@10']);
  });
});
