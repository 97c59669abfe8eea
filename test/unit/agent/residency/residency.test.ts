import { afterEach, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  foundAsleep,
  models,
  onDemand,
  residencyScene,
  type ResidencySceneOptions,
  specOf,
} from '../../../support/residency-scene.ts';
import { seededRandom } from '../../../support/seeded-random.ts';

let end: (() => void) | undefined;
afterEach(() => end?.());

function scene(options: ResidencySceneOptions) {
  const made = residencyScene(options);
  end = made.stop;
  return made;
}

describe('on-demand residency', () => {
  it('loads each model once, and evicts unused ones for the next', async () => {
    const it = scene({ memoryBudget: 5 });
    it.serverUp();
    it.setModels(models(40));
    await it.clock.advance(10_000);
    expect(it.seen.faults).toEqual([]);
    expect(it.seen.loads.length).toBe(40);
    expect(new Set(it.seen.loads).size).toBe(40);
    const phases = [...it.phases().values()];
    expect(phases.filter((phase) => phase === 'Loaded')).toHaveLength(5);
    expect(phases.filter((phase) => phase === 'Standby')).toHaveLength(35);
  });

  it('wakes a model with one load for all requests', async () => {
    const it = scene({ memoryBudget: 1 });
    it.serverUp();
    it.setModels(models(2));
    await it.clock.advance(5_000);
    const before = it.seen.loads.length;
    const asleep = it.seen.loaded.has('m0') ? 'm1' : 'm0';
    const outcomes = Promise.all(Array.from({ length: 200 }, () => it.request(asleep)));
    await it.clock.advance(1_000);
    expect(new Set((await outcomes).map(({ kind }) => kind))).toEqual(new Set(['loaded']));
    expect(it.seen.loads.slice(before)).toEqual([asleep]);
  });

  it('serves 200 cold models at once with room for 20', async () => {
    const it = scene({ memoryBudget: 20 });
    it.serverUp();
    it.setModels(models(200));
    await it.clock.advance(20_000);
    const outcomes = Promise.all(Array.from({ length: 200 }, (_, index) => it.request(`m${index}`, 5)));
    await it.clock.advance(60_000);
    expect(new Set((await outcomes).map(({ kind }) => kind))).toEqual(new Set(['loaded']));
    expect(it.seen.faults).toEqual([]);
  });

  it('lets the second of two models that do not fit together wait, and never unloads one in use', async () => {
    const it = scene({ memoryBudget: 1 });
    it.serverUp();
    it.setModels(models(2));
    await it.clock.advance(3_000);
    for (let turn = 0; turn < 100; turn++) {
      const both = Promise.all([it.request('m0', 5_000), it.request('m1', 5_000)]);
      await it.clock.advance(12_000);
      expect((await both).map(({ kind }) => kind)).toEqual(['loaded', 'loaded']);
    }
    expect(it.seen.faults).toEqual([]);
  });

  it('ends a wait after the timeout, and continues with the load', async () => {
    const it = scene({ memoryBudget: 1, wakeTimeout: 2_000 });
    it.serverUp();
    it.setModels(models(2));
    await it.clock.advance(3_000);
    void it.request('m0', 10_000);
    await it.clock.advance(1_000);
    const late = it.request('m1');
    await it.clock.advance(3_000);
    expect(await late).toMatchObject({ kind: 'refused', reason: 'WaitTimeout' });
    await it.clock.advance(10_000);
    expect([...it.seen.loaded.keys()]).toEqual(['m1']);
  });

  it('does not start a load without waiting requests', async () => {
    const it = scene({ memoryBudget: 1 });
    it.serverUp();
    it.setModels(models(2));
    await it.clock.advance(3_000);
    void it.request('m0', 10_000);
    await it.clock.advance(1_000);
    const loads = it.seen.loads.length;
    const client = new AbortController();
    const gone = it.request('m1', 0, client.signal);
    await it.clock.advance(100);
    client.abort();
    await it.clock.advance(20_000);
    expect((await gone).kind).toBe('refused');
    expect(it.seen.loads).toHaveLength(loads);
  });

  it('ends the wait for a removed model', async () => {
    const it = scene({ memoryBudget: 1 });
    it.serverUp();
    it.setModels(models(2));
    await it.clock.advance(3_000);
    void it.request('m0', 10_000);
    await it.clock.advance(1_000);
    const waiting = Array.from({ length: 50 }, () => it.request('m1'));
    await it.clock.advance(100);
    it.setModels(models(1));
    await it.clock.advance(100);
    expect(new Set((await Promise.all(waiting)).map(({ kind }) => kind))).toEqual(new Set(['removed']));
    expect(it.residency.waker.availability('m1').kind).toBe('unknown');
  });

  it('ends the wait for a model that fails to load', async () => {
    const it = scene({ memoryBudget: 1 });
    it.serverUp();
    it.setModels(models(2));
    await it.clock.advance(3_000);
    it.answers.load = () => ({ kind: 'refused', reason: 'LoadFailed', message: 'no' });
    const cold = it.seen.loaded.has('m0') ? 'm1' : 'm0';
    const outcome = it.request(cold);
    await it.clock.advance(3_000);
    expect(await outcome).toMatchObject({ kind: 'refused', reason: 'LoadFailed' });
  });

  it('never evicts a pinned model', async () => {
    const it = scene({ memoryBudget: 3, pinned: ['m0', 'm1'] });
    it.serverUp();
    it.setModels(models(20));
    await it.clock.advance(10_000);
    for (let index = 2; index < 20; index++) {
      const outcome = it.request(`m${index}`);
      await it.clock.advance(2_000);
      expect((await outcome).kind).toBe('loaded');
    }
    expect([...it.seen.loaded.keys()]).toEqual(expect.arrayContaining(['m0', 'm1']));
    expect(it.seen.faults).toEqual([]);
  });

  it('removes the files of the longest unused models, and fetches them again on request', async () => {
    const it = scene({ memoryBudget: 2, diskBudget: 50 });
    it.serverUp();
    it.setModels(models(10));
    await it.clock.advance(20_000);
    expect([...it.phases().values()].filter((phase) => phase === 'Remote').length).toBeGreaterThanOrEqual(5);
    const [remote = ''] = [...it.phases()].find(([, phase]) => phase === 'Remote') ?? [];
    const pulls = it.seen.pulls.length;
    const outcome = it.request(remote);
    await it.clock.advance(3_000);
    expect((await outcome).kind).toBe('loaded');
    expect(it.seen.pulls.slice(pulls)).toEqual([remote]);
  });

  it('loads the hottest models first after a restart of the model server', async () => {
    const it = scene({ memoryBudget: 100 });
    it.serverUp();
    it.setModels(models(60));
    await it.clock.advance(10_000);
    for (let turn = 1; turn <= 20; turn++) {
      for (let index = 0; index < turn; index++) {
        const outcome = it.request(`m${index}`);
        await it.clock.advance(1);
        await outcome;
      }
    }
    it.serverGone();
    await it.clock.advance(100);
    const before = it.seen.loads.length;
    it.serverUp();
    await it.clock.advance(10_000);
    const back = it.seen.loads.slice(before);
    expect(back).toHaveLength(60);
    expect(new Set(back.slice(0, 20))).toEqual(
      new Set(Array.from({ length: 20 }, (_, index) => `m${index}`)),
    );
    expect(back.slice(0, 3)).toEqual(['m0', 'm1', 'm2']);
  });

  it('starts with the models that were hot under the previous agent', async () => {
    const found = new Map([...models(30)].map(([name, spec]) => [name, foundAsleep(spec)]));
    const it = scene({
      memoryBudget: 5,
      found,
      heat: new Map([
        ['m20', 3],
        ['m7', 9],
        ['m9', 5],
      ]),
    });
    it.setModels(models(30));
    it.serverUp();
    await it.clock.advance(5_000);
    expect(it.seen.loads).toEqual(['m7', 'm9', 'm20']);
    expect(it.seen.pulls).toEqual([]);
  });

  it('loads a model after the others if the model server ended during its load, and charges it more', async () => {
    const it = scene({ memoryBudget: 8 });
    it.serverUp();
    it.setModels(models(8));
    await it.clock.advance(5_000);
    expect(it.seen.loaded.size).toBe(8);
    it.serverGone();
    await it.clock.advance(10);
    it.serverUp();
    const gone = { reason: 'ModelServerUnavailable', message: 'gone', gone: true };
    it.answers.load = () => ({ kind: 'unavailable', ...gone });
    await it.clock.advance(100);
    const before = it.seen.loads.length;
    const suspects = it.seen.loads.slice(8);
    delete it.answers.load;
    it.serverUp();
    await it.clock.advance(1_000);
    expect(it.seen.loads.slice(before).filter((name) => suspects.includes(name))).toEqual([]);
    await it.clock.advance(10_000);
    expect(it.seen.loads.slice(before)).toEqual(expect.arrayContaining(suspects.slice(0, 1)));
    expect(it.residency.figures().memory.charged).toBeLessThanOrEqual(8);
    expect(it.seen.faults).toEqual([]);
  });

  it('keeps no files of sleeping models if the server would load them at its start', async () => {
    const it = scene({ memoryBudget: 3, loadsAllAtStart: true });
    it.serverUp();
    it.setModels(models(10));
    await it.clock.advance(10_000);
    const phases = [...it.phases().values()];
    expect(phases.filter((phase) => phase === 'Remote')).toHaveLength(7);
    expect(phases.filter((phase) => phase === 'Loaded')).toHaveLength(3);
    for (const name of models(10).keys()) {
      const outcome = it.request(name);
      await it.clock.advance(1_000);
      expect((await outcome).kind).toBe('loaded');
    }
    it.serverGone();
    await it.clock.advance(100);
    it.serverUp();
    await it.clock.advance(1_000);
    expect(it.seen.loaded.size).toBe(3);
    expect(it.seen.faults).toEqual([]);
  });

  it('ends every wait and keeps the rules for any sequence of events', async () => {
    const step = fc.oneof(
      {
        weight: 10,
        arbitrary: fc.record({ do: fc.constant('ask' as const), model: fc.nat(29), lasts: fc.nat(2_000) }),
      },
      { weight: 6, arbitrary: fc.record({ do: fc.constant('pass' as const), span: fc.nat(800) }) },
      { weight: 1, arbitrary: fc.record({ do: fc.constant('crash' as const) }) },
      { weight: 2, arbitrary: fc.record({ do: fc.constant('update' as const), model: fc.nat(29) }) },
      { weight: 2, arbitrary: fc.record({ do: fc.constant('remove' as const), model: fc.nat(29) }) },
      {
        weight: 1,
        arbitrary: fc.record({ do: fc.constant('budget' as const), size: fc.integer({ min: 8, max: 12 }) }),
      },
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 60 }), fc.nat(), async (steps, seed) => {
        const random = seededRandom(seed);
        const it = residencyScene({ memoryBudget: 12, diskBudget: 200, pinned: ['m0'], random });
        const wanted = new Map(
          [...models(30)].map(([name], index) => [name, specOf(1 + (index % 4))] as const),
        );
        it.serverUp();
        it.setModels(wanted);
        const requests: Promise<unknown>[] = [];
        let version = 1;
        for (const one of steps) {
          if (one.do === 'ask') requests.push(it.request(`m${one.model}`, one.lasts));
          else if (one.do === 'pass') await it.clock.advance(one.span);
          else if (one.do === 'crash') {
            it.serverGone();
            await it.clock.advance(50);
            it.serverUp();
          } else if (one.do === 'budget')
            it.residency.configure(onDemand({ memoryBudget: one.size, pinned: ['m0'] }));
          else if (one.do === 'update' && wanted.has(`m${one.model}`)) {
            wanted.set(`m${one.model}`, specOf(1 + (one.model % 4), ++version));
            it.setModels(wanted);
          } else if (one.do === 'remove' && one.model !== 0) {
            wanted.delete(`m${one.model}`);
            it.setModels(wanted);
          }
        }
        let over = 0;
        for (const request of requests) void request.then(() => (over += 1));
        await it.clock.advance(80_000);
        expect(over).toBe(requests.length);
        // When a server ends, the models of requests that were just released are lost too.
        const crashed = steps.some((one) => one.do === 'crash');
        expect(it.seen.faults.filter((fault) => !crashed || !fault.endsWith('not there'))).toEqual([]);
        it.stop();
      }),
      { numRuns: 60 },
    );
  });
});
