import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { TestAgent } from '../support/agent.ts';
import { eventuallyTrue } from '../support/eventually.ts';
import {
  allProved,
  metricOf,
  MODEL_BYTES,
  numbered,
  onDemandScene,
  type OnDemandScene,
} from '../support/on-demand.ts';
import { report } from '../support/report.ts';
import { predict } from '../support/served-versions.ts';
import { sized } from '../support/tier.ts';

const COUNT = 40;
const ROOM = 12;
/** The first models take 5 s for a request. */
const SLOW = 8;
const PREDICT_SECONDS = 5;
const REQUESTS = 100;
/** The number of rounds: all requests at once, or one for each slow model at a time. */
const TURNS = sized({ check: 1, soak: 13 });
/** Long enough to act during a load. */
const LOAD_SECONDS = 0.4;
const WAITING = 50;

describe('slow models on a real MLServer with room for fewer than all', () => {
  let scene: OnDemandScene;
  let agent: TestAgent;
  beforeAll(async () => {
    scene = await onDemandScene(COUNT, {
      slow: (answer) => ({
        answer,
        load: LOAD_SECONDS,
        predict: answer <= SLOW ? PREDICT_SECONDS : 0.01,
      }),
    });
    await scene.config.writeModels(scene.models);
    agent = await scene.start(['--memory-budget', String(ROOM * MODEL_BYTES)]);
    await agent.until(allProved(COUNT), 120_000);
  }, 180_000);
  afterAll(() => scene.end());

  it('never unloads a model that answers a request, however many requests other models get', async () => {
    const wrong: unknown[] = [];
    const ask = async (model: number) => {
      const answer = await predict(agent, `m${model}`);
      if (answer !== model) wrong.push({ model, answer });
    };
    let going = true;
    const pressing = async (first: number) => {
      for (let model = first; going; model = model + 4 > COUNT ? first : model + 4) await ask(model);
    };
    const evicted = await metricOf(agent, 'kserve_mms_agent_evictions_total');
    const pressure = [1, 2, 3, 4].map((first) => pressing(SLOW + first));
    for (let turn = 0; turn < TURNS; turn++)
      await Promise.all(
        Array.from({ length: Math.ceil(REQUESTS / TURNS) }, (_, index) => ask(1 + (index % SLOW))),
      );
    going = false;
    await Promise.all(pressure);
    const evictions = (await metricOf(agent, 'kserve_mms_agent_evictions_total')) - evicted;
    report(`requests of ${PREDICT_SECONDS} s while others need the room`, { requests: REQUESTS, evictions });
    expect(wrong).toEqual([]);
    expect(await scene.unloadedInUse()).toEqual([]);
    expect(evictions).toBeGreaterThan(SLOW);
  }, 300_000);

  const phaseOf = async (name: string) => (await agent.model(name))?.phase;
  const until = (name: string, phase: string) =>
    eventuallyTrue(`${name} is ${phase}`, async () => (await phaseOf(name)) === phase);
  const sleeping = async () => {
    const { models } = await agent.status();
    return (
      models.find(({ name, phase }) => phase === 'Standby' && Number(name.slice(1)) > SLOW + 1)?.name ?? ''
    );
  };
  const waiting = () => metricOf(agent, 'kserve_mms_agent_waiting_requests');

  type Stage = 'sleeping' | 'loading' | 'loaded' | 'waited for';
  /** Brings a sleeping model to a stage; `asked` are the requests that brought it there. */
  async function bring(stage: Stage): Promise<{ name: string; asked: Promise<unknown>[] }> {
    const name = await sleeping();
    const count = { sleeping: 0, loading: 1, loaded: 1, 'waited for': WAITING }[stage];
    const asked = Array.from({ length: count }, () => predict(agent, name));
    if (stage === 'loading') await until(name, 'Loading');
    if (stage === 'loaded') await until(name, 'Loaded');
    if (stage === 'waited for')
      await eventuallyTrue('all of them wait', async () => (await waiting()) >= WAITING);
    return { name, asked };
  }

  const stages: readonly Stage[] = ['sleeping', 'loading', 'loaded', 'waited for'];
  it.each(stages.flatMap((stage) => [['update', stage] as const, ['removal', stage] as const]))(
    '%s of a model that is %s: requests get the old or the new answer, and all of them end',
    async (change, stage) => {
      await scene.config.writeModels(scene.models);
      await agent.until(allProved(COUNT), 60_000);
      const { name, asked } = await bring(stage);
      const old = Number(name.slice(1));
      // It gets another model's files, so it answers with that one's number.
      const after = change === 'removal' ? 'status 404' : old - 1;
      const others = scene.models.filter(({ modelName }) => modelName !== name);
      await scene.config.writeModels(change === 'removal' ? others : [...others, numbered(name, old - 1)]);
      const answers: unknown[] = [];
      await eventuallyTrue('what is new answers', async () => {
        answers.push(await predict(agent, name));
        return answers.at(-1) === after;
      });
      answers.push(...(await Promise.all(asked)));
      expect([...new Set(answers)].filter((answer) => answer !== old && answer !== after)).toEqual([]);
      // It never goes back to the old version.
      expect(await Promise.all([1, 2, 3, 4].map(() => predict(agent, name)))).toEqual(Array(4).fill(after));
    },
    60_000,
  );
});
