import { setImmediate as turnOver } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { Script } from 'node:vm';
import { describe, expect, it } from '@jest/globals';
import { collectHeap, giveBackAfterWork } from '../../../src/agent/give-back.ts';
import type { Clock } from '../../../src/lib/clock.ts';

/** Runs with the work and the served requests of each look. Resolves with the looks that gave memory back. */
async function collectedAt(looks: readonly (readonly [steps: number, served: number | undefined])[]) {
  const end = new AbortController();
  const seen: number[] = [];
  let look = 0;
  const clock = {
    sleep: () => {
      look += 1;
      if (look === looks.length) end.abort();
      return Promise.resolve();
    },
  } as unknown as Clock;
  const work = { steps: () => looks[look]?.[0] ?? 0, served: () => looks[look]?.[1] };
  await giveBackAfterWork(work, { clock, collect: () => seen.push(look) }, end.signal);
  return seen;
}

describe('memory is given back', () => {
  it.each<[string, (readonly [number, number | undefined])[], number[]]>([
    [
      'once after much work',
      [
        [0, 1],
        [300, 1],
        [300, 1],
        [300, 1],
        [300, 1],
      ],
      [2],
    ],
    [
      'not after little work',
      [
        [0, 1],
        [30, 1],
        [30, 1],
        [30, 1],
      ],
      [],
    ],
    [
      'after little work that has become much',
      [
        [0, 1],
        [60, 1],
        [60, 1],
        [120, 1],
        [120, 1],
      ],
      [4],
    ],
    [
      'again after more work',
      [
        [0, 1],
        [300, 1],
        [300, 1],
        [600, 1],
        [600, 1],
        [600, 1],
      ],
      [2, 4],
    ],
    [
      'not while work continues',
      [
        [0, 1],
        [300, 1],
        [310, 1],
        [320, 1],
        [320, 1],
      ],
      [4],
    ],
    [
      'not while requests arrive',
      [
        [0, 1],
        [300, 2],
        [300, 3],
        [300, 4],
        [300, 4],
      ],
      [4],
    ],
    [
      'not while a request is being answered',
      [
        [0, 1],
        [300, undefined],
        [300, undefined],
        [300, 2],
        [300, 2],
      ],
      [4],
    ],
  ])('%s', async (_, looks, expected) => {
    expect(await collectedAt([...looks, [0, 1]])).toEqual(expected);
  });

  it('by collecting garbage, and cached code is still accepted afterwards', async () => {
    // Like a starting agent. Another test in this process may have set the flag.
    setFlagsFromString('--no-expose-gc');
    const source = 'function answer() { return 42; }';
    const cachedData = new Script(source).createCachedData();
    const garbage = new WeakRef({});
    await turnOver();
    // The heap of a process that runs many tests is larger than that of an agent.
    collectHeap(Infinity);
    expect(garbage.deref()).toBeUndefined();
    expect(new Script(source, { cachedData }).cachedDataRejected).toBe(false);
  });
});
