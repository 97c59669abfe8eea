import { describe, expect, it } from '@jest/globals';
import { milliseconds } from '../../../src/lib/clock.ts';
import { createKeyTimers } from '../../../src/lib/key-timers.ts';
import { fakeClock } from '../../support/clocks.ts';
import { seededRandom } from '../../support/seeded-random.ts';

function testTimers() {
  const clock = fakeClock();
  const startedAt = clock.now();
  const stopping = new AbortController();
  const rang: string[] = [];
  const timers = createKeyTimers<string>(clock, stopping.signal, (key) =>
    rang.push(`${key}@${clock.now() - startedAt}`),
  );
  const set = (key: string, span: number): void => timers.set(key, milliseconds(span));
  return { clock, timers, set, rang, stopping };
}

describe('timers by key', () => {
  it('fire each at its time, in any order of setting', async () => {
    const { clock, set, rang } = testTimers();
    set('c', 300);
    set('a', 100);
    set('b', 200);
    await clock.advance(250);
    expect(rang).toEqual(['a@100', 'b@200']);
    await clock.advance(1000);
    expect(rang).toEqual(['a@100', 'b@200', 'c@300']);
  });

  it('keep the earliest time of a key, and fire once', async () => {
    const { clock, set, rang } = testTimers();
    set('a', 300);
    set('a', 100);
    set('a', 200);
    await clock.advance(1000);
    expect(rang).toEqual(['a@100']);
  });

  it('forget a cancelled key, and accept it again', async () => {
    const { clock, set, timers, rang } = testTimers();
    set('a', 100);
    timers.cancel('a');
    expect(timers.has('a')).toBe(false);
    set('a', 400);
    set('b', 200);
    expect(timers.has('a')).toBe(true);
    await clock.advance(1000);
    expect(rang).toEqual(['b@200', 'a@400']);
  });

  it('can be set again when they fire', async () => {
    const clock = fakeClock();
    const rang: number[] = [];
    const timers = createKeyTimers<string>(clock, new AbortController().signal, () => {
      rang.push(clock.now());
      if (rang.length < 3) timers.set('a', milliseconds(10));
    });
    timers.set('a', milliseconds(10));
    await clock.advance(1000);
    expect(rang.map((at) => at - rang[0]!)).toEqual([0, 10, 20]);
  });

  it('do not fire after the signal aborts, and end the sleep', async () => {
    const { clock, set, timers, rang, stopping } = testTimers();
    set('a', 100);
    stopping.abort();
    set('b', 100);
    await clock.advance(1000);
    expect(rang).toEqual([]);
    expect(timers.has('a')).toBe(false);
    expect(clock.sleeping).toBe(0);
  });

  it('share one sleep, however many there are', async () => {
    const { clock, set, rang } = testTimers();
    const random = seededRandom(1);
    const spans = Array.from({ length: 1000 }, () => 1 + Math.floor(random() * 500));
    spans.forEach((span, index) => set(`k${index}`, span));
    expect(clock.sleeping).toBe(1);
    await clock.advance(1000);
    const expected = spans.map((span, index) => `k${index}@${span}`);
    expect([...rang].sort()).toEqual([...expected].sort());
    const times = rang.map((line) => Number(line.split('@')[1]));
    expect(times).toEqual([...times].sort((a, b) => a - b));
  });
});
