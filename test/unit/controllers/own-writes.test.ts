import { describe, expect, it } from '@jest/globals';
import type { ConfigMap } from '../../../src/contract/kubernetes.ts';
import { createOwnWrites } from '../../../src/controllers/own-writes.ts';
import { fakeClock } from '../../support/clocks.ts';

function version(resourceVersion: string): ConfigMap {
  return { metadata: { name: 'modelconfig-sk-0', namespace: 'default', resourceVersion } };
}

function testWrites() {
  const clock = fakeClock();
  const lags: number[] = [];
  return { clock, lags, writes: createOwnWrites(clock, (lag) => lags.push(lag)) };
}

describe('a write that the watch has not shown yet', () => {
  it('takes precedence over the watch until the watch shows it, and then reports the lag', async () => {
    const { clock, lags, writes } = testWrites();
    writes.remember(version('7'));
    expect(writes.seen(version('6'))).toBe(false);
    expect(writes.newest(version('6'))).toEqual(version('7'));
    await clock.advance(40);
    expect(writes.seen(version('7'))).toBe(true);
    expect(writes.newest(version('6'))).toEqual(version('6'));
    expect(writes.unseen()).toEqual([]);
    expect(lags).toEqual([40]);
  });

  it('is also dropped when the watch shows a newer version of another writer', () => {
    const { lags, writes } = testWrites();
    writes.remember(version('7'));
    expect(writes.seen(version('9'))).toBe(false);
    expect(writes.unseen()).toEqual([]);
    expect(lags).toEqual([0]);
  });

  it('is forgotten after half a minute, in case the watch never shows it', async () => {
    const { clock, lags, writes } = testWrites();
    writes.remember(version('7'));
    await clock.advance(29_999);
    expect(writes.unseen()).toEqual([version('7')]);
    await clock.advance(1);
    expect(writes.unseen()).toEqual([]);
    expect(lags).toEqual([]);
  });
});
