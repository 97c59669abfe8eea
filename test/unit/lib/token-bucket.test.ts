import { describe, expect, it } from '@jest/globals';
import { createTokenBucket } from '../../../src/lib/token-bucket.ts';
import { fakeClock, settle } from '../../support/clocks.ts';

/** Ten a second, a burst of three, and a fake clock. */
function testBucket() {
  const clock = fakeClock();
  const startedAt = clock.now();
  const bucket = createTokenBucket({ perSecond: 10, burst: 3, clock });
  const turns: string[] = [];
  const take = (name: string, signal = new AbortController().signal): void => {
    void bucket.take(signal).then(() => turns.push(`${name}@${clock.now() - startedAt}`));
  };
  return { bucket, clock, turns, take };
}

describe('the token bucket', () => {
  it('lets a burst through at once and the rest at its rate, in order', async () => {
    const { clock, turns, take } = testBucket();
    for (const name of ['a', 'b', 'c', 'd', 'e']) take(name);
    await clock.advance(1000);
    expect(turns).toEqual(['a@0', 'b@0', 'c@0', 'd@100', 'e@200']);
  });

  it('refills while idle, up to the burst', async () => {
    const { clock, turns, take } = testBucket();
    for (const name of ['a', 'b', 'c']) take(name);
    await clock.advance(60_000);
    for (const name of ['d', 'e', 'f', 'g']) take(name);
    await clock.advance(1000);
    expect(turns.slice(3)).toEqual(['d@60000', 'e@60000', 'f@60000', 'g@60100']);
  });

  it('passes a returned token to the next caller', async () => {
    const { bucket, clock, turns, take } = testBucket();
    for (const name of ['a', 'b', 'c']) take(name);
    bucket.giveBack();
    take('d');
    await clock.advance(0);
    expect(turns).toEqual(['a@0', 'b@0', 'c@0', 'd@0']);
  });

  it('does not delay a caller whose signal aborts', async () => {
    const { turns, take } = testBucket();
    for (const name of ['a', 'b', 'c']) take(name);
    const stop = new AbortController();
    take('d', stop.signal);
    stop.abort();
    await settle();
    expect(turns).toContain('d@0');
  });
});
