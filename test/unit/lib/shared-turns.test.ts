import { expect, it } from '@jest/globals';
import { createSharedTurns } from '../../../src/lib/shared-turns.ts';
import { settle } from '../../support/clocks.ts';

function scene() {
  const turns = createSharedTurns({ total: 3, each: 2 });
  const began: string[] = [];
  const ends = new Map<string, () => void>();
  const start = (sharer: string, name: string): Promise<void> =>
    turns.run(sharer, () => {
      began.push(name);
      return new Promise((resolve) => ends.set(name, resolve));
    });
  const end = async (name: string): Promise<void> => {
    ends.get(name)?.();
    await settle();
  };
  return { turns, began, start, end };
}

it('limits the running work for each sharer and in total, in turns', async () => {
  const { began, start, end } = scene();
  for (const name of ['a1', 'a2', 'a3', 'a4', 'b1', 'b2', 'c1']) void start(name.slice(0, 1), name);
  await settle();
  expect(began).toEqual(['a1', 'a2', 'b1']);
  await end('a1');
  expect(began.at(-1)).toBe('a3');
  await end('b1');
  await end('a2');
  await end('a3');
  expect(began).toEqual(['a1', 'a2', 'b1', 'a3', 'b2', 'c1', 'a4']);
});

it('releases the turn when the work fails', async () => {
  const { turns, began, start } = scene();
  for (let count = 0; count < 10; count += 1) {
    await expect(turns.run('a', () => Promise.reject(new Error('on purpose')))).rejects.toThrow('on purpose');
  }
  void start('a', 'a1');
  await settle();
  expect(began).toEqual(['a1']);
});
