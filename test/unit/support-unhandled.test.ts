import { describe, expect, it } from '@jest/globals';
import { settle } from '../support/clocks.ts';
import { watchUnhandled } from '../support/unhandled.ts';

describe('the watcher for unhandled rejections', () => {
  it('sees a rejection even if it is handled late, so that the test runner ignores it', async () => {
    const watcher = watchUnhandled();
    const late = Promise.reject(new Error('on purpose'));
    await settle();
    late.catch(() => undefined);
    await settle();
    watcher.stop();
    expect(watcher.seen).toEqual([expect.objectContaining({ message: 'on purpose' })]);
  });
});
