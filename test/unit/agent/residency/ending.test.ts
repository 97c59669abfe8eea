import { describe, expect, it } from '@jest/globals';
import { models, residencyScene } from '../../../support/residency-scene.ts';

describe('on-demand models in a terminating pod', () => {
  async function oneAsleep() {
    const it = residencyScene({ memoryBudget: 1 });
    it.serverUp();
    it.setModels(models(3));
    await it.clock.advance(3_000);
    const asleep = [...models(3).keys()].find((name) => !it.seen.loaded.has(name)) ?? '';
    return { ...it, asleep };
  }

  it('wakes requested models while the model server runs, and no others', async () => {
    const { residency, clock, request, setModels, seen, asleep } = await oneAsleep();
    residency.startDraining();
    setModels(models(4));
    const loads = seen.loads.length;
    const waiting = request(asleep);
    await clock.advance(20_000);
    expect(await waiting).toMatchObject({ kind: 'loaded' });
    expect(seen.loads.slice(loads)).toEqual([asleep]);
    expect(residency.waker.isEnding()).toBe(true);
  });

  it('rejects waiting and new requests after the model server has ended, because it does not come back', async () => {
    const { residency, request, serverGone, asleep } = await oneAsleep();
    residency.startDraining();
    const waiting = request(asleep);
    serverGone();
    expect(await waiting).toMatchObject({ kind: 'refused', reason: 'Stopping' });
    expect(await request(asleep)).toMatchObject({ kind: 'refused', reason: 'Stopping' });
  });

  it('ends the wait for a model server that is already gone', async () => {
    const { residency, request, serverGone, asleep } = await oneAsleep();
    serverGone();
    const waiting = request(asleep);
    residency.startDraining();
    expect(await waiting).toMatchObject({ kind: 'refused', reason: 'Stopping' });
  });

  it('rejects requests after loading has stopped', async () => {
    const { request, stop, asleep } = await oneAsleep();
    const waiting = request(asleep);
    stop();
    expect(await waiting).toMatchObject({ kind: 'refused', reason: 'Stopping' });
    expect(await request(asleep)).toMatchObject({ kind: 'refused', reason: 'Stopping' });
  });
});
