import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { TestAgent } from '../support/agent.ts';
import { allProved, MODEL_BYTES, onDemandScene, type OnDemandScene } from '../support/on-demand.ts';
import { residentMib } from '../support/process-memory.ts';
import { quantile } from '../support/quantile.ts';
import { report } from '../support/report.ts';
import { seededRandom } from '../support/seeded-random.ts';
import { predict } from '../support/served-versions.ts';
import { zipf } from '../support/zipf.ts';
import { sized } from '../support/tier.ts';

const COUNT = sized({ check: 200, soak: 2_000 });
const ROOM = sized({ check: 30, soak: 100 });
const SECONDS = sized({ check: 15, soak: 180 });
const CALLERS = 8;

describe('more models than fit in memory, on a real MLServer', () => {
  let scene: OnDemandScene;
  let agent: TestAgent;

  beforeAll(async () => {
    scene = await onDemandScene(COUNT);
    await scene.config.writeModels(scene.models);
    agent = await scene.start(['--memory-budget', String(ROOM * MODEL_BYTES)]);
    await scene.server.ready();
  }, 300_000);
  afterAll(() => scene.end());

  it('loads each model once', async () => {
    const began = performance.now();
    await agent.until(allProved(COUNT), 600_000);
    report('models loaded once', { models: COUNT, room: ROOM, ms: performance.now() - began });
  }, 600_000);

  it("answers all requests by Zipf's law, each with its own model", async () => {
    const limit = (await residentMib(scene.server.pid())) + ROOM;
    const draw = zipf(COUNT, 1.1, seededRandom(1));
    const until = performance.now() + SECONDS * 1_000;
    const wrong: unknown[] = [];
    const took: number[] = [];
    let highest = 0;
    const caller = async () => {
      while (performance.now() < until) {
        const model = draw();
        const began = performance.now();
        const answer = await predict(agent, `m${model}`);
        took.push(performance.now() - began);
        if (answer !== model) wrong.push({ model, answer });
        highest = Math.max(highest, await residentMib(scene.server.pid()));
      }
    };
    await Promise.all(Array.from({ length: CALLERS }, caller));
    report('requests by a Zipf law', {
      requests: took.length,
      wrong: wrong.length,
      p50: quantile(took, 0.5),
      p99: quantile(took, 0.99),
      highestMib: highest,
      limitMib: limit,
    });
    expect(wrong.slice(0, 5)).toEqual([]);
    expect(highest).toBeLessThan(limit);
  }, 300_000);
});
