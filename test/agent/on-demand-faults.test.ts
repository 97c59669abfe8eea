import { afterEach, describe, expect, it } from '@jest/globals';
import type { TestAgent } from '../support/agent.ts';
import { eventuallyTrue } from '../support/eventually.ts';
import { allProved, MODEL_BYTES, numbered, onDemandScene, type OnDemandScene } from '../support/on-demand.ts';
import { report } from '../support/report.ts';
import { seededRandom } from '../support/seeded-random.ts';
import { predict } from '../support/served-versions.ts';
import { zipf } from '../support/zipf.ts';

const COUNT = 200;
const ROOM = 20;
const BUDGET = ['--memory-budget', String(ROOM * MODEL_BYTES)];

describe('sleeping models on a real MLServer and a real S3 server', () => {
  let scene: OnDemandScene;
  afterEach(() => scene.end());

  async function begin(): Promise<TestAgent> {
    scene = await onDemandScene(COUNT);
    await scene.config.writeModels(scene.models);
    const agent = await scene.start(BUDGET);
    await agent.until(allProved(COUNT), 120_000);
    return agent;
  }
  const phaseOf = async (agent: TestAgent, name: string) => (await agent.model(name))?.phase;
  const asleep = async (agent: TestAgent) =>
    (await agent.status()).models.filter(({ phase }) => phase === 'Standby').map(({ name }) => name);
  const loads = async (agent: TestAgent) => {
    const text = await (await fetch(`http://127.0.0.1:${agent.statusPort}/metrics`)).text();
    return Number(/step_duration_seconds_count\{step="load",outcome="ok"\} (\d+)/.exec(text)?.[1] ?? 0);
  };
  const answerOf = (name: string) => Number(name.slice(1));

  it('serves concurrent requests, updates and removes sleeping models, and recovers when either process is killed', async () => {
    let agent = await begin();

    // 200 callers ask for one model.
    const [one = ''] = await asleep(agent);
    const before = await loads(agent);
    const answers = await Promise.all(Array.from({ length: 200 }, () => predict(agent, one)));
    expect(new Set(answers)).toEqual(new Set([answerOf(one)]));
    expect(await loads(agent)).toBe(before + 1);

    // One caller asks for each model; a tenth of them fit.
    const each = await Promise.all(scene.models.map(({ modelName }) => predict(agent, modelName)));
    expect(each).toEqual(scene.models.map(({ modelName }) => answerOf(modelName)));

    // One sleeping model is updated, and another is removed while requests wait for it.
    const [updated = '', removed = ''] = await asleep(agent);
    const changed = scene.models
      .filter(({ modelName }) => modelName !== removed)
      .map((model) => (model.modelName === updated ? numbered(updated, 1) : model));
    const waiting = Array.from({ length: 50 }, () => predict(agent, removed));
    await scene.config.writeModels(changed);
    for (const answer of await Promise.all(waiting))
      expect([answerOf(removed), 'status 404']).toContain(answer);
    await eventuallyTrue('the new version answers', async () => (await predict(agent, updated)) === 1);
    await eventuallyTrue('it is gone', async () => (await predict(agent, removed)) === 'status 404');
    expect(await phaseOf(agent, removed)).toBeUndefined();
    await scene.config.writeModels(scene.models);
    await agent.until(allProved(COUNT), 60_000);

    // Each process, and then both, are killed under load.
    const draw = zipf(COUNT, 1.1, seededRandom(3));
    let going = true;
    let lastWrong = 0;
    const mixed: unknown[] = [];
    const caller = async () => {
      while (going) {
        const model = draw();
        const answer = await predict(agent, `m${model}`).catch(() => 'away');
        if (answer !== model) lastWrong = performance.now();
        if (typeof answer === 'number' && answer !== model) mixed.push({ model, answer });
      }
    };
    const callers = Array.from({ length: 8 }, caller);
    const second = 1_000;
    await new Promise((resolve) => setTimeout(resolve, 6 * second));
    const whenKilled = async (what: string, kill: () => Promise<void>) => {
      const killed = performance.now();
      await kill();
      const answered = performance.now();
      await new Promise((resolve) => setTimeout(resolve, 10 * second));
      report(`${what} killed`, { startsInMs: answered - killed, wrongUntilMs: lastWrong - answered });
      expect(lastWrong - answered).toBeLessThan(10 * second - 500);
    };
    const serverAgain = async () => {
      await scene.server.kill('SIGKILL');
      await scene.server.restart();
      await scene.server.ready();
    };
    const agentAgain = async () => {
      await agent.kill('SIGKILL');
      agent = await scene.start(BUDGET);
    };
    await whenKilled('model server', serverAgain);
    await whenKilled('agent', agentAgain);
    await whenKilled('both', async () => {
      await Promise.all([serverAgain(), agentAgain()]);
    });
    going = false;
    await Promise.all(callers);
    expect(mixed).toEqual([]);
  }, 300_000);
});
