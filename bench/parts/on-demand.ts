import { type BenchAgent, type BenchModel, startBenchAgent } from '../agents.ts';
import { alternate, type BenchRun, type Part } from '../bench-run.ts';
import { INDEX, sevenDigits } from '../load/job.ts';
import { type ModelFiles, startModelFiles } from '../load/model-files.ts';
import { runCaller } from '../load/run-caller.ts';
import { startModelServer } from '../load/start-model-server.ts';
import { memoryOf, settled } from '../processes.ts';
import * as names from '../report/figure-names.ts';
import { eventuallyTrue } from '../../test/support/eventually.ts';
import { callModel } from './agent.ts';
import { comeBack } from './come-back.ts';
import { callByZipf } from './zipf-caller.ts';

const MIB = 1024 * 1024;
const CONNECTIONS = 16;
const COLD_CONNECTIONS = [1, 8];
/** The quantile of cold requests. A few may find their model in memory by chance. */
const MOSTLY = 0.9;
/** Names as the caller's {@link INDEX} makes them. */
const nameOf = (index: number): string => `m${sevenDigits(index)}`;

/** Many more models than fit in memory, on an instant model server, so that the measured time is the agent's. */
export const onDemand: Part = async (run) => {
  const [server, files] = [await startModelServer(), await startModelFiles()];
  const agents: BenchAgent[] = [];
  try {
    const { models, room } = run.plan.onDemand;
    const began = performance.now();
    const flags = ['--residency', 'on-demand', '--memory-budget', String(room * MIB)];
    const agent = await startBenchAgent('ours', modelsOf(files, models), { flags });
    agents.push(agent);
    await eventuallyTrue('each model was loaded once', () => server.loads.length >= models, 600_000);
    run.record('ours', { [names.FIRST_LOADS]: (performance.now() - began) / 1_000 });
    await settled(agent.pid);
    const { rss, pss } = await memoryOf(agent.pid);
    run.record('ours', { [names.idleRss('agent')]: rss, [names.idlePss('agent')]: pss });
    run.say(`idle with ${models} models: ${rss.toFixed(1)} MiB`);
    await cold(run, agent);
    await byZipf(run, agent);
    // The same models, so only the residency differs.
    const loaded = server.loads.length;
    const always = await startBenchAgent('ours', modelsOf(files, models));
    agents.push(always);
    await eventuallyTrue('each is loaded', () => server.loads.length >= loaded + models, 600_000);
    await always.ready();
    await warm(run, { 'on-demand': agent, always });
  } finally {
    for (const agent of agents) await agent.stop();
    server.stop();
    files.stop();
  }
  await comeBack(run);
};

function modelsOf(files: ModelFiles, count: number): BenchModel[] {
  return Array.from({ length: count }, (_, index) => ({
    name: nameOf(index),
    uri: files.uri(nameOf(index), 1_000),
  }));
}

/** Each request is for a sleeping model without a request before. */
async function cold({ plan, record, say }: BenchRun, agent: BenchAgent): Promise<void> {
  const { models, cold: count } = plan.onDemand;
  for (const [round, connections] of COLD_CONNECTIONS.entries()) {
    const before = await countsOf(agent);
    const report = await runCaller({
      ...{ port: agent.port, path: `/v2/models/m${INDEX}/infer`, body: '{"inputs":[]}', connections, count },
      // In descending order, because the first ones loaded are still in memory.
      first: models - (round + 1) * count,
    });
    const { misses } = await countsOf(agent);
    if (report.failures > 0) throw new Error(`cold: ${JSON.stringify(report.statuses)}`);
    if (misses - before.misses < count * MOSTLY) throw new Error('cold: most of the models were in memory');
    record('ours', {
      [names.coldQuantile('p50', connections)]: report.p50,
      [names.coldQuantile('p99', connections)]: report.p99,
    });
    say(`cold, ${connections} connections: p50 ${report.p50.toFixed(1)} ms, p99 ${report.p99.toFixed(1)} ms`);
  }
}

async function byZipf({ plan, record, say }: BenchRun, agent: BenchAgent): Promise<void> {
  const { models, ms } = plan.onDemand;
  const [lasts, before] = [ms * 5, await countsOf(agent)];
  const requests = await callByZipf(
    agent,
    Array.from({ length: models }, (_, index) => nameOf(index)),
    lasts,
  );
  const after = await countsOf(agent);
  const [hits, misses] = [after.hits - before.hits, after.misses - before.misses];
  record('ours', {
    [names.ZIPF_REQUESTS]: (requests * 1_000) / lasts,
    [names.HIT_RATIO]: hits / (hits + misses),
    [names.EVICTIONS]: ((after.evictions - before.evictions) * 1_000) / lasts,
  });
  say(`by a Zipf law: ${requests} requests, ${hits} found their model`);
}

async function countsOf({ statusPort }: BenchAgent) {
  const text = await (await fetch(`http://127.0.0.1:${statusPort}/metrics`)).text();
  const of = (name: string): number =>
    Number(new RegExp(`^kserve_mms_agent_${name} (\\S+)$`, 'm').exec(text)?.[1] ?? Number.NaN);
  return {
    hits: of('residency_hits_total'),
    misses: of('residency_misses_total'),
    evictions: of('evictions_total'),
  };
}

/** Requests for a model in memory, with residency on-demand and always. */
async function warm(
  { plan, record, say }: BenchRun,
  agents: Readonly<Record<'on-demand' | 'always', BenchAgent>>,
): Promise<void> {
  const { rounds, ms } = plan.onDemand;
  const figures = {
    'on-demand': names.requestsASecond(CONNECTIONS),
    always: names.alwaysRequestsASecond(CONNECTIONS),
  };
  const kinds = ['on-demand', 'always'] as const;
  await alternate(['ours'], rounds, async (_who, round) => {
    for (const kind of round % 2 === 0 ? kinds : [...kinds].reverse()) {
      const report = await callModel(agents[kind].port, nameOf(0), CONNECTIONS, ms);
      if (report.failures > 0) throw new Error(`${kind}: ${JSON.stringify(report.statuses)}`);
      record('ours', { [figures[kind]]: report.perSecond });
      say(`${kind}: ${report.perSecond.toFixed(0)} requests/s`);
    }
  });
}
