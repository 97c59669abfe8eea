import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { rename } from 'node:fs/promises';
import { join } from 'node:path';
import type { TestAgent } from '../support/agent.ts';
import { eventuallyTrue } from '../support/eventually.ts';
import { allProved, metricOf, MODEL_BYTES, onDemandScene, type OnDemandScene } from '../support/on-demand.ts';
import { quantile } from '../support/quantile.ts';
import { report } from '../support/report.ts';
import { predict } from '../support/served-versions.ts';

const COUNT = 30;
const ROOM = 10;
const COLD = 30;
/** The bound for a cold request beyond the load, in milliseconds: ten times the target, for busy machines. */
const BEYOND = 300;
const ROUNDS = 6;
const WARM = 150;
/** The bound for a warm request with residency on-demand, relative to residency always; the target is 1.05. */
const AT_MOST = 1.5;

describe('the duration of requests on a real MLServer', () => {
  let scene: OnDemandScene;
  let agent: TestAgent;
  beforeAll(async () => {
    scene = await onDemandScene(COUNT);
    await scene.config.writeModels(scene.models);
    agent = await scene.start(['--memory-budget', String(ROOM * MODEL_BYTES)]);
    await agent.until(allProved(COUNT), 120_000);
  }, 180_000);
  afterAll(() => scene.end());

  const timed = async (work: () => Promise<unknown>): Promise<number> => {
    const began = performance.now();
    await work();
    return performance.now() - began;
  };
  const inPhase = async (phase: string) =>
    (await agent.status()).models.filter((model) => model.phase === phase).map(({ name }) => name);

  /** The duration of a load of an unloaded model, requested from the server directly. */
  async function loadDirectly(name: string): Promise<number> {
    const directory = join(scene.modelDir, name);
    const files = [join(directory, '.model-settings.json'), join(directory, 'model-settings.json')] as const;
    const ask = async (action: string) => {
      const url = `http://127.0.0.1:${scene.server.port}/v2/repository/models/${name}/${action}`;
      const answer = await fetch(url, { method: 'POST', body: '{}' });
      expect({ action, status: answer.status }).toEqual({ action, status: 200 });
      await answer.arrayBuffer();
    };
    // The agent hides the settings of all models except the one that is loading.
    await rename(...files);
    await ask('unload');
    const took = await timed(() => ask('load'));
    await rename(files[1], files[0]);
    return took;
  }

  it("a cold request takes little more than the model server's load", async () => {
    const [direct, cold]: [number[], number[]] = [[], []];
    for (let turn = 0; turn < COLD; turn++) {
      const [loaded = ''] = await inPhase('Loaded');
      direct.push(await loadDirectly(loaded));
      const asleep = await inPhase('Standby');
      cold.push(await timed(() => predict(agent, asleep[turn % asleep.length] ?? '')));
    }
    const figures = { directP50: quantile(direct, 0.5), coldP50: quantile(cold, 0.5) };
    report('a load asked of the server itself, and a cold request, ms', { requests: COLD, ...figures });
    expect(figures.coldP50).toBeLessThan(figures.directP50 + BEYOND);
  }, 60_000);

  it('a warm request takes no longer than with residency always', async () => {
    // All models fit, so only the residency differs.
    const write = (residency: object) =>
      scene.config.writeFiles({
        'models.json': JSON.stringify(scene.models),
        'residency.json': JSON.stringify(residency),
      });
    const kinds = {
      always: { residency: 'always' },
      'on-demand': { residency: 'on-demand', memoryBudgetBytes: COUNT * MODEL_BYTES },
    };
    await write(kinds.always);
    await agent.until(({ models }) => models.every(({ phase }) => phase === 'Loaded'), 60_000);
    const p50s: Record<keyof typeof kinds, number[]> = { always: [], 'on-demand': [] };
    const hits = () => metricOf(agent, 'kserve_mms_agent_residency_hits_total');
    const isCounted = async () => {
      const before = await hits();
      await predict(agent, 'm1');
      return (await hits()) > before;
    };
    for (let round = 0; round < ROUNDS; round++) {
      for (const kind of ['always', 'on-demand'] as const) {
        await write(kinds[kind]);
        await eventuallyTrue(`it is ${kind}`, async () => (await isCounted()) === (kind === 'on-demand'));
        const took: number[] = [];
        for (let request = 0; request < WARM; request++) took.push(await timed(() => predict(agent, 'm1')));
        p50s[kind].push(quantile(took, 0.5));
      }
    }
    const best = { always: Math.min(...p50s.always), onDemand: Math.min(...p50s['on-demand']) };
    report('a warm request, the best p50 of six rounds, ms', best);
    expect(best.onDemand).toBeLessThan(best.always * AT_MOST);
  }, 120_000);
});
