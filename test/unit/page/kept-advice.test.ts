import { describe, expect, it } from '@jest/globals';
import type { MonotonicMs } from '../../../src/lib/clock.ts';
import { adviceKeeper } from '../../../src/page/kept-advice.ts';

/** A fake clock, and one cache with the time of its last event. */
function scene(takes = 0) {
  const state = { now: 1_000, heardAt: 500, explained: 0 };
  const keep = adviceKeeper(
    [
      {
        get heardAt() {
          return state.heardAt as MonotonicMs;
        },
      },
    ],
    { monotonic: () => state.now as MonotonicMs },
  );
  const look = (what = 'rose', resourceVersion = '1'): string | undefined => {
    const pods = [{ metadata: { name: 'a', uid: 'a', resourceVersion } }];
    const made = keep(what, { kind: 'known', value: pods }, () => {
      state.explained += 1;
      state.now += takes;
      return { message: `${state.explained}`, advice: '', command: '' };
    });
    return made?.message;
  };
  return { state, look };
}

describe('the advice of the page', () => {
  it('is computed once for all viewers, as long as nothing changes', () => {
    const { state, look } = scene();
    expect([look(), look(), look()]).toEqual(['1', '1', '1']);
    state.now += 9_999;
    expect(look()).toBe('1');
    expect(look('tulip')).toBe('2');
  });

  it.each<[string, (state: { now: number; heardAt: number }) => string | undefined]>([
    ['a cache has received something', (state) => ((state.heardAt = 1_050), undefined)],
    [
      'a cache has received something in the same millisecond',
      (state) => ((state.heardAt = 1_000), undefined),
    ],
    ['a pod has changed', () => '2'],
    ['ten seconds have passed', (state) => ((state.now += 10_000), undefined)],
  ])('is computed again when %s', (_what, change) => {
    const { state, look } = scene();
    look();
    state.now += 100;
    expect(look('rose', change(state))).toBe('2');
  });

  it('takes at most a tenth of the time when changes are constant', () => {
    const { state, look } = scene(121);
    for (let second = 0; second < 60; second += 1) {
      for (let viewer = 0; viewer < 5; viewer += 1) look();
      state.now += 1_000;
      state.heardAt = state.now;
    }
    expect(state.explained).toBeLessThanOrEqual(32);
  });
});
