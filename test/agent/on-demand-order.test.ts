import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type AgentScene, agentScene } from '../support/agent-scene.ts';
import type { TestAgent } from '../support/agent.ts';
import { eventuallyTrue } from '../support/eventually.ts';
import { configured, type ConfiguredModel } from '../support/mounted-config.ts';
import { allProved } from '../support/on-demand.ts';
import { report } from '../support/report.ts';
import { seededRandom } from '../support/seeded-random.ts';
import { zipf } from '../support/zipf.ts';

const COUNT = 200;
const ROOM = 50;
const HOTTEST = 20;
/** Models that are added during the outage: no client requested them, and each has to be loaded once. */
const FRESH = 20;
const CALLERS = 8;
/** Long enough to observe the order of loads. */
const LOAD_MS = 10;
const REQUESTS = 2_000;
/** The model server is this process. The agent sees its memory, which is small beside these models. */
const BUDGET = ['--residency', 'on-demand', '--memory-budget', `${ROOM}Gi`];

describe("agent and model server killed at once under requests by Zipf's law", () => {
  let scene: AgentScene;
  beforeEach(async () => {
    scene = await agentScene();
    scene.server.behave = async () => {
      await new Promise((resolve) => setTimeout(resolve, LOAD_MS));
      return undefined;
    };
  });
  afterEach(() => scene.end());

  const named = (name: string): ConfiguredModel => {
    const { modelName, modelSpec } = configured(name, scene.source.uri(name));
    return { modelName, modelSpec: { ...modelSpec, memory: '1Gi' } };
  };

  it('loads the most requested models before any model without requests', async () => {
    const models = Array.from({ length: COUNT }, (_, index) => named(`m${index + 1}`));
    await scene.config.writeModels(models);
    let agent: TestAgent = await scene.start({ flags: BUDGET });
    await agent.until(allProved(COUNT));

    const asked = new Map<string, number>();
    const wrong: unknown[] = [];
    const draw = zipf(COUNT, 1.1, seededRandom(7));
    let [going, answered] = [true, 0];
    const caller = async () => {
      while (going) {
        const name = `m${draw()}`;
        asked.set(name, (asked.get(name) ?? 0) + 1);
        const answer = await scene.infer(agent, name).catch(() => 'away');
        if (answer === name) answered += 1;
        else if (answer !== 'away' && answer !== 503) wrong.push({ name, answer });
      }
    };
    const callers = Array.from({ length: CALLERS }, caller);
    await eventuallyTrue('enough was asked', () => answered >= REQUESTS);
    // The next heat file includes every request up to here.
    const hottest = [...asked]
      .sort(([, a], [, b]) => b - a)
      .slice(0, HOTTEST)
      .map(([name]) => name);
    const noted = () => readFile(join(scene.modelDir, '.kserve-mms-heat.json'), 'utf8').catch(() => '');
    const before = await noted();
    await eventuallyTrue('it is written down', async () => (await noted()) !== before);

    await Promise.all([scene.server.crash(), agent.kill('SIGKILL')]);
    const fresh = Array.from({ length: FRESH }, (_, index) => named(`fresh${index + 1}`));
    await scene.config.writeModels([...models, ...fresh]);
    scene.server.loads.length = 0;
    const [began, answeredBefore] = [performance.now(), answered];
    await scene.server.restart();
    agent = await scene.start({ flags: BUDGET });
    await eventuallyTrue('it is answered again', () => answered > answeredBefore, 10_000);
    const backMs = performance.now() - began;
    const loads = () => scene.server.loads.map(({ name }) => name);
    await eventuallyTrue('the hottest are back', () => hottest.every((name) => loads().includes(name)));
    going = false;
    await Promise.all(callers);
    // They evict no model that was used within 30 s.
    await agent.until(allProved(COUNT + FRESH), 90_000);

    const order = loads();
    const hotBackAt = Math.max(...hottest.map((name) => order.indexOf(name)));
    const firstUnasked = order.findIndex((name) => !asked.has(name));
    report('killed at once', { answeredAgainMs: backMs, hotBackAt, firstUnasked });
    expect(wrong).toEqual([]);
    expect(hotBackAt).toBeLessThan(firstUnasked);
  });
});
