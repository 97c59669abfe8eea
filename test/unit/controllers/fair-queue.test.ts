import { describe, expect, it } from '@jest/globals';
import { createFairQueue } from '../../../src/controllers/fair-queue.ts';
import type { Sharer } from '../../../src/controllers/fair-queue.ts';
import { createOpeningSlots } from '../../../src/controllers/status/opening-slots.ts';
import { createReadingTurns } from '../../../src/controllers/status/reading-turns.ts';
import { fakeClock } from '../../support/clocks.ts';

const sharer = (namespace: string, inferenceService = 'sk'): Sharer => ({ namespace, inferenceService });

describe('the fair queue', () => {
  it('takes namespaces in turn, then InferenceServices, then items in order of arrival', () => {
    const queue = createFairQueue<string>();
    for (const name of ['a1', 'a2', 'a3']) queue.push(sharer('crowd', 'a'), name);
    queue.push(sharer('crowd', 'b'), 'b1');
    queue.push(sharer('other'), 'o1');
    const order = Array.from({ length: 6 }, () => queue.next());
    expect(order).toEqual(['a1', 'o1', 'b1', 'a2', 'a3', undefined]);
    expect(queue.size).toBe(0);
  });

  it('skips an item that may not run yet, and can remove it', () => {
    const queue = createFairQueue<string>();
    queue.push(sharer('a'), 'a1');
    queue.push(sharer('b'), 'b1');
    expect(queue.next(({ namespace }) => namespace === 'b')).toBe('b1');
    queue.remove(sharer('a'), 'a1');
    queue.remove(sharer('a'), 'a1');
    expect([queue.size, queue.next()]).toEqual([0, undefined]);
  });

  it('accepts any names of namespaces and InferenceServices', () => {
    const queue = createFairQueue<string>();
    queue.push(sharer('__proto__', 'constructor'), 'first');
    queue.push(sharer('constructor', '__proto__'), 'second');
    expect([queue.next(), queue.next(), queue.next()]).toEqual(['first', 'second', undefined]);
  });
});

describe('turns to read', () => {
  it('come to a pod at once although a thousand of another InferenceService wait in the same namespace', async () => {
    const clock = fakeClock();
    const turns = createReadingTurns(clock);
    const order: string[] = [];
    const work = (name: string) => (): void => void order.push(name);
    for (let index = 0; index < 1000; index++) void turns.run(sharer('ns', 'evil'), work(`evil-${index}`));
    const honest = turns.run(sharer('ns', 'good'), work('good'));
    await clock.advance(1000);
    await honest;
    expect(order.indexOf('good')).toBeLessThanOrEqual(2);
  });
});

describe('connections being opened', () => {
  const bounds = { inferenceService: 2, namespace: 3, total: 4 };
  const never = new AbortController().signal;

  it('are limited for each InferenceService, for each namespace, and in total', async () => {
    const slots = createOpeningSlots(bounds);
    const opened: string[] = [];
    const giveBacks = new Map<string, () => void>();
    const open = (name: string, of: Sharer, signal = never): void => {
      void slots.take(of, signal).then((giveBack) => {
        if (giveBack === undefined) return;
        opened.push(name);
        giveBacks.set(name, giveBack);
      });
    };
    for (const name of ['a1', 'a2', 'a3']) open(name, sharer('ns', 'a'));
    for (const name of ['b1', 'b2']) open(name, sharer('ns', 'b'));
    for (const name of ['o1', 'o2']) open(name, sharer('other'));
    await Promise.resolve();
    expect(opened).toEqual(['a1', 'a2', 'b1', 'o1']);
    giveBacks.get('a1')?.();
    giveBacks.get('a1')?.();
    await Promise.resolve();
    expect(opened.slice(4)).toEqual(['a3']);
    giveBacks.get('a2')?.();
    await Promise.resolve();
    expect(opened.slice(5)).toEqual(['o2']);
  });

  it('leave the queue when they are aborted, and none is opened after the slots are closed', async () => {
    const slots = createOpeningSlots({ ...bounds, total: 1 });
    const first = await slots.take(sharer('ns'), never);
    const gone = new AbortController();
    const second = slots.take(sharer('ns'), gone.signal);
    gone.abort();
    expect(await second).toBeUndefined();
    expect(await slots.take(sharer('ns'), gone.signal)).toBeUndefined();
    const third = slots.take(sharer('ns'), never);
    slots.close();
    first?.();
    const late = Promise.resolve('still waits');
    expect(await Promise.race([third, late])).toBe('still waits');
  });
});
