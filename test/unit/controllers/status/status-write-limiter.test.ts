import { expect, it } from '@jest/globals';
import { objectKey } from '../../../../src/contract/kubernetes.ts';
import { createStatusWriteLimiter } from '../../../../src/controllers/status/status-write-limiter.ts';
import { fakeClock } from '../../../support/clocks.ts';

const SPENT = 50;

/** A limiter whose burst one namespace has used, and that delays a thousand of its keys. */
function beset() {
  const clock = fakeClock();
  const turns = createStatusWriteLimiter(clock);
  const noisy = (index: number) => objectKey('noisy', `m-${index}`);
  for (let index = 0; index < SPENT; index += 1) expect(turns.take(noisy(index), 0)).toBe(true);
  for (let index = 0; index < 1_000; index += 1) expect(turns.take(noisy(index), 0)).toBe(false);
  return { clock, turns, noisy };
}

it('keeps the turn after the next for a delayed namespace, however often another one asks', async () => {
  const { clock, turns, noisy } = beset();
  const quiet = objectKey('quiet', 'm');
  expect(turns.take(quiet, 0)).toBe(false);
  let taken = 0;
  for (let turn = 0; turn < 2; turn += 1) {
    await clock.advance(50);
    for (let index = 0; index < 1_000; index += 1) taken += turns.take(noisy(index), 0) ? 1 : 0;
  }
  expect(taken).toBe(1);
  expect(turns.take(quiet, 0)).toBe(true);
});

it('returns a short delay to a namespace with few writes, and a long one to a namespace with many', () => {
  const { turns, noisy } = beset();
  const quiet = objectKey('quiet', 'm');
  turns.take(quiet, 0);
  expect(turns.retryAfter(quiet)).toBe(2_000);
  expect(turns.retryAfter(noisy(0))).toBe(60_000);
});

it('keeps no turn for a namespace that has nothing left to write', async () => {
  const { clock, turns, noisy } = beset();
  const quiet = objectKey('quiet', 'm');
  turns.take(quiet, 0);
  turns.release(quiet);
  await clock.advance(100);
  expect([turns.take(noisy(0), 0), turns.take(noisy(1), 0), turns.take(noisy(2), 0)]).toEqual([
    true,
    true,
    false,
  ]);
});

it('delays states in progress of a namespace with many models waiting for a check', () => {
  const turns = createStatusWriteLimiter(fakeClock());
  expect(turns.take(objectKey('noisy', 'm'), 101)).toBe(false);
  expect(turns.take(objectKey('quiet', 'm'), 1)).toBe(true);
});
