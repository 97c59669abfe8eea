import { startBenchAgent } from '../agents.ts';
import type { BenchAgent } from '../agents.ts';
import { alternate } from '../bench-run.ts';
import type { Part } from '../bench-run.ts';
import { startModelFiles } from '../load/model-files.ts';
import { startModelServer } from '../load/start-model-server.ts';
import { eventuallyTrue } from '../../test/support/eventually.ts';
import { requestQuantile, requestsASecond } from '../report/figure-names.ts';
import { PROGRAMS } from '../report/results.ts';
import type { Contender } from '../report/results.ts';
import { callModel } from './agent.ts';

const MODEL = 'served';
const CONNECTIONS = [1, 16];

/** Inferences through each agent, and without an agent. */
export const dataPath: Part = async ({ plan, record, say }) => {
  const { rounds, ms } = plan.dataPath;
  const [server, files] = [await startModelServer(), await startModelFiles()];
  const agents = new Map<Contender, BenchAgent>();
  try {
    for (const who of PROGRAMS) {
      server.forget();
      const started = await startBenchAgent(who, [{ name: MODEL, uri: files.uri(MODEL, 1_000) }]);
      agents.set(who, started);
      await eventuallyTrue(`${who}’s agent has loaded its model`, () => server.loads.length > 0);
      await started.ready();
    }
    await alternate(['none', 'kserve', 'ours'], rounds, async (who) => {
      for (const connections of CONNECTIONS) {
        const report = await callModel(agents.get(who)?.port, MODEL, connections, ms);
        if (report.failures > 0) throw new Error(`${who}: ${JSON.stringify(report.statuses)}`);
        record(who, {
          [requestsASecond(connections)]: report.perSecond,
          [requestQuantile('p50', connections)]: report.p50,
          [requestQuantile('p99', connections)]: report.p99,
        });
        say(`${who}: ${requestsASecond(connections)}: ${report.perSecond.toFixed(0)}`);
      }
    });
  } finally {
    for (const started of agents.values()) await started.stop();
    files.stop();
    server.stop();
  }
};
