import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { TestAgent } from '../support/agent.ts';
import { allProved, MODEL_BYTES, onDemandScene, type OnDemandScene } from '../support/on-demand.ts';
import { residentMib } from '../support/process-memory.ts';
import { quantile } from '../support/quantile.ts';
import { report } from '../support/report.ts';
import { predict } from '../support/served-versions.ts';

const COUNT = 24;
const TIMES = 10;
const BUDGET_MIB = 80;
/** scikit-learn takes 76 MiB in MLServer 1.7.1 with the first model of any size. */
const LIBRARIES_MIB = 76;

describe('models ten times as large as declared, on a real MLServer', () => {
  let scene: OnDemandScene;
  let agent: TestAgent;
  beforeAll(async () => {
    scene = await onDemandScene(COUNT, { ballast: TIMES * MODEL_BYTES });
  }, 120_000);
  afterAll(() => scene.end());

  it('keeps the server within its memory, and every model answers', async () => {
    await scene.server.ready();
    const empty = await residentMib(scene.server.pid());
    await scene.config.writeModels(scene.models);
    agent = await scene.start(['--memory-budget', String(BUDGET_MIB * MODEL_BYTES)]);
    let highest = 0;
    const over = new AbortController();
    const watching = (async () => {
      while (!over.signal.aborted) {
        highest = Math.max(highest, await residentMib(scene.server.pid()));
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    })();
    await agent.until(allProved(COUNT), 120_000);
    for (const round of [1, 2])
      for (let index = 1; index <= COUNT; index++)
        expect({ round, answer: await predict(agent, `m${index}`) }).toEqual({ round, answer: index });
    over.abort();
    await watching;
    const limit = empty + LIBRARIES_MIB + BUDGET_MIB + 2 * TIMES;
    report('models of 10 MiB declared as 1 MiB', {
      models: COUNT,
      emptyMib: empty,
      highestMib: highest,
      limitMib: limit,
    });
    expect(highest).toBeLessThan(limit);
  }, 240_000);

  it('wakes a model in little more time than the model server takes to load it', async () => {
    const beyond: number[] = [];
    for (const { name, phase } of (await agent.status()).models) {
      if (phase !== 'Standby' || beyond.length === 8) continue;
      const began = performance.now();
      await predict(agent, name);
      const took = performance.now() - began;
      beyond.push(took - ((await agent.model(name))?.times.load ?? 0));
    }
    report('a cold request beyond the load itself', {
      requests: beyond.length,
      p50Ms: quantile(beyond, 0.5),
    });
    expect(beyond.length).toBeGreaterThan(0);
  }, 60_000);
});
