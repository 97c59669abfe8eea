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
/** They are back before any that nobody asks for. */
const HOTTEST = 20;
const BUDGET = ['--memory-budget', String(ROOM * MODEL_BYTES)];

describe('models that sleep, beside a real MLServer and a real S3 server', () => {
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
  /** The names of the models that an agent has loaded, in that order. */
  const loadedIn = (log: readonly string[]) =>
    log
      .map((line) => JSON.parse(line) as { readonly msg?: string; readonly model?: string })
      .flatMap(({ msg, model = '' }) => (msg === 'loaded' ? [model] : []));
  const answerOf = (name: string) => Number(name.slice(1));

  it('serves all who ask at once, updates and removes what sleeps, and comes back when either is killed', async () => {
    let agent = await begin();

    // 200 callers for one.
    const [one = ''] = await asleep(agent);
    const before = await loads(agent);
    const answers = await Promise.all(Array.from({ length: 200 }, () => predict(agent, one)));
    expect(new Set(answers)).toEqual(new Set([answerOf(one)]));
    expect(await loads(agent)).toBe(before + 1);

    // A caller for each, where a tenth have room.
    const each = await Promise.all(scene.models.map(({ modelName }) => predict(agent, modelName)));
    expect(each).toEqual(scene.models.map(({ modelName }) => answerOf(modelName)));

    // A sleeping one is updated, another one removed while requests wait for it.
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

    // Either, and both, are killed under load.
    const draw = zipf(COUNT, 1.1, seededRandom(3));
    let going = true;
    let lastWrong = 0;
    const mixed: unknown[] = [];
    const asked = new Map<string, number>();
    const caller = async () => {
      while (going) {
        const model = draw();
        asked.set(`m${model}`, (asked.get(`m${model}`) ?? 0) + 1);
        const answer = await predict(agent, `m${model}`).catch(() => 'away');
        if (answer !== model) lastWrong = performance.now();
        if (typeof answer === 'number' && answer !== model) mixed.push({ model, answer });
      }
    };
    const callers = Array.from({ length: 8 }, caller);
    const second = 1_000;
    await new Promise((resolve) => setTimeout(resolve, 6 * second));
    const whenKilled = async (what: string, kill: () => Promise<void>) => {
      const askedBefore = new Set(asked.keys());
      const killed = performance.now();
      await kill();
      const answered = performance.now();
      await new Promise((resolve) => setTimeout(resolve, 10 * second));
      report(`${what} killed`, { startsInMs: answered - killed, wrongUntilMs: lastWrong - answered });
      expect(lastWrong - answered).toBeLessThan(10 * second - 500);
      return { askedBefore, loaded: loadedIn(agent.log) };
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
    const { askedBefore, loaded } = await whenKilled('both', async () => {
      await Promise.all([serverAgain(), agentAgain()]);
    });
    going = false;
    await Promise.all(callers);
    expect(mixed).toEqual([]);
    // What nobody has asked for comes after what was asked for most.
    const hottest = [...asked].sort(([, a], [, b]) => b - a).slice(0, HOTTEST);
    const unasked = loaded.findIndex((name) => !askedBefore.has(name) && !asked.has(name));
    const first = new Set(unasked === -1 ? loaded : loaded.slice(0, unasked));
    expect(hottest.map(([name]) => name).filter((name) => !first.has(name))).toEqual([]);
  }, 300_000);
});
