import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from '@jest/globals';
import { createSharedDownloads, eachDownload } from '../../../../src/agent/puller/downloads.ts';
import type { EachOptions } from '../../../../src/agent/puller/downloads.ts';

async function* numbers(count: number): AsyncGenerator<number> {
  for (let index = 0; index < count; index += 1) yield await Promise.resolve(index);
}

function options(more: Partial<EachOptions> = {}): EachOptions {
  return { perModel: 4, shared: createSharedDownloads(8), giveUp: () => undefined, ...more };
}

/** Counts concurrent runs. */
function counting(): { readonly most: () => number; readonly work: () => Promise<void> } {
  let running = 0;
  let most = 0;
  return {
    most: () => most,
    work: async () => {
      running += 1;
      most = Math.max(most, running);
      await sleep(1);
      running -= 1;
    },
  };
}

describe('the downloads of one model', () => {
  it('handle every item once, with at most perModel at a time', async () => {
    const { most, work } = counting();
    const done: number[] = [];
    await eachDownload(numbers(50), options(), async (item) => {
      await work();
      done.push(item);
    });
    expect(done.sort((a, b) => a - b)).toEqual(Array.from({ length: 50 }, (_, index) => index));
    expect(most()).toBe(4);
  });

  it('continue one at a time when all shared slots are in use, and release theirs', async () => {
    const shared = createSharedDownloads(2);
    expect([shared.tryTake(), shared.tryTake(), shared.tryTake()]).toEqual([true, true, false]);
    const alone = counting();
    await eachDownload(numbers(10), options({ shared }), alone.work);
    expect(alone.most()).toBe(1);
    shared.giveBack();
    const helped = counting();
    await eachDownload(numbers(10), options({ shared }), helped.work);
    expect(helped.most()).toBe(2);
    expect([shared.tryTake(), shared.tryTake()]).toEqual([true, false]);
  });

  it('end with the first failure, after the others were aborted and have ended', async () => {
    let toldToGiveUp = 0;
    let running = 0;
    const failing = eachDownload(
      numbers(50),
      options({ giveUp: () => (toldToGiveUp += 1) }),
      async (item) => {
        running += 1;
        await sleep(item === 2 ? 1 : 20);
        running -= 1;
        if (item >= 2) throw new Error(`item ${item}`);
      },
    );
    await expect(failing).rejects.toThrow('item 2');
    expect([toldToGiveUp, running]).toEqual([1, 0]);
  });

  it('fail when the listing fails', async () => {
    async function* broken(): AsyncGenerator<number> {
      yield await Promise.resolve(1);
      throw new Error('listing');
    }
    await expect(eachDownload(broken(), options(), () => Promise.resolve())).rejects.toThrow('listing');
  });
});
