import { afterEach, describe, expect, it } from '@jest/globals';
import {
  foundAsleep,
  models,
  onDemand,
  residencyScene,
  type ResidencySceneOptions,
  specOf,
} from '../../../support/residency-scene.ts';

let end: (() => void) | undefined;
afterEach(() => end?.());

function scene(options: ResidencySceneOptions) {
  const made = residencyScene(options);
  end = made.stop;
  return made;
}

describe('the budgets of on-demand residency', () => {
  it('rejects at once what can never fit', async () => {
    const it = scene({ memoryBudget: 5 });
    it.serverUp();
    it.setModels(new Map([...models(2), ['large', specOf(6)]]));
    await it.clock.advance(1_000);
    const outcome = it.request('large');
    await it.clock.advance(10);
    expect(await outcome).toMatchObject({ kind: 'refused', reason: 'ModelTooLarge' });
    // The status shows it until the budget is large enough.
    expect(it.phases().get('large')).toBe('Failed');
    it.residency.configure(onDemand({ memoryBudget: 6 }));
    await it.clock.advance(1_000);
    expect(it.seen.loaded.has('large')).toBe(true);
    expect(it.phases().get('large')).toBe('Loaded');
  });

  it('rejects at once a model without room beside the pinned ones, and does not delay the next one', async () => {
    const it = scene({ memoryBudget: 5, pinned: ['m0', 'm1', 'm2'] });
    it.serverUp();
    it.setModels(new Map([...models(5), ['large', specOf(3)]]));
    await it.clock.advance(2_000);
    const both = Promise.all([it.request('large'), it.request('m4')]);
    await it.clock.advance(1_000);
    expect((await both).map((outcome) => ('reason' in outcome ? outcome.reason : outcome.kind))).toEqual([
      'ModelTooLarge',
      'loaded',
    ]);
    expect(it.phases().get('large')).toBe('Failed');
  });

  it.each([
    ['', false],
    [', with restarts of killed processes,', true],
  ])('loses a server without measurements%s at most once because of its memory', async (_, startsAgain) => {
    // Ten times as large as declared: all of them fit as declared.
    const it = scene({ memoryBudget: 1_000, realSize: () => 100, memoryLimit: 1_000, startsAgain });
    it.serverUp();
    it.setModels(models(30, 10));
    await it.clock.advance(60_000);
    for (let round = 0; round < 3; round++) {
      for (let index = 0; index < 30; index++) {
        const outcome = it.request(`m${index}`);
        await it.clock.advance(3_000);
        expect({ index, kind: (await outcome).kind }).toEqual({ index, kind: 'loaded' });
      }
    }
    expect(it.seen.killed).toBe(1);
    expect(it.seen.loaded.size).toBeGreaterThanOrEqual(3);
  });

  it('counts models fetched by a previous agent after their files have been measured', async () => {
    const found = new Map([...models(10)].map(([name, spec]) => [name, foundAsleep(spec)]));
    const it = scene({ memoryBudget: 2, diskBudget: 50, found });
    it.setModels(models(10));
    it.serverUp();
    await it.clock.advance(1_000);
    expect(it.residency.figures().diskUsed).toBe(0);
    for (const name of found.keys()) it.engine.foundBytes(name, 10);
    await it.clock.advance(5_000);
    expect(it.residency.figures().diskUsed).toBe(50);
    expect([...it.phases().values()].filter((phase) => phase === 'Remote')).toHaveLength(5);
  });

  it('applies another budget, and residency always, without a restart', async () => {
    const it = scene({ memoryBudget: 10 });
    it.serverUp();
    it.setModels(models(10));
    await it.clock.advance(5_000);
    expect(it.seen.loaded.size).toBe(10);
    it.residency.configure(onDemand({ memoryBudget: 4 }));
    await it.clock.advance(5_000);
    expect(it.seen.loaded.size).toBe(4);
    it.residency.configure({ kind: 'always' });
    await it.clock.advance(5_000);
    expect(it.seen.loaded.size).toBe(10);
    it.residency.configure(onDemand({ memoryBudget: 2 }));
    await it.clock.advance(5_000);
    expect(it.seen.loaded.size).toBe(2);
  });

  it('stays within the budget with models ten times as large as declared', async () => {
    const it = scene({ memoryBudget: 1_000, trueSize: () => 100 });
    it.serverUp();
    it.setModels(models(100, 10));
    await it.clock.advance(1);
    for (let index = 0; index < 100; index++) {
      const outcome = it.request(`m${index}`);
      await it.clock.advance(1_500);
      expect((await outcome).kind).toBe('loaded');
    }
    expect(it.grown()).toBeLessThanOrEqual(1_000 + 3 * 100);
    expect(it.seen.loaded.size).toBeGreaterThanOrEqual(8);
  });

  it('counts the misses that a larger budget would have avoided', async () => {
    const it = scene({ memoryBudget: 4 });
    it.serverUp();
    it.setModels(models(5));
    await it.clock.advance(10_000);
    const round = async (count: number) => {
      for (let index = 0; index < count; index++) {
        const outcome = it.request(`m${index}`);
        await it.clock.advance(3_000);
        expect((await outcome).kind).toBe('loaded');
      }
    };
    // The first round orders them by name. In the others, each load evicts the next model.
    await round(5);
    const { misses } = it.residency.figures().counts;
    const before = new Map(it.residency.figures().counts.spared);
    await round(5);
    const after = it.residency.figures().counts;
    const spared = (times: number) => (after.spared.get(times) ?? 0) - (before.get(times) ?? 0);
    expect(after.misses - misses).toBe(5);
    // A budget of six or of eight has room for five.
    expect([spared(1.5), spared(2)]).toEqual([5, 5]);
  });

  it('loads hot models before new ones after a restart of a measured server', async () => {
    // The first model of a process is loaded alone, to measure its libraries.
    const found = new Map([...models(30)].map(([name, spec]) => [name, foundAsleep(spec)]));
    const hot = Array.from({ length: 10 }, (_, index) => `m${index + 15}`);
    const it = scene({
      ...{ memoryBudget: 12, found, trueSize: () => 1 },
      heat: new Map(hot.map((name, index) => [name, 100 - index])),
    });
    it.setModels(new Map([...models(30), ['new', specOf(1)]]));
    it.serverUp();
    await it.clock.advance(10_000);
    expect(it.seen.loads.slice(0, 11)).toEqual([...hot, 'new']);
  });
});
