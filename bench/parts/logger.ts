import { setTimeout } from 'node:timers/promises';
import { startBenchAgent } from '../agents.ts';
import type { BenchAgent } from '../agents.ts';
import { alternate } from '../bench-run.ts';
import type { Part } from '../bench-run.ts';
import { startModelFiles } from '../load/model-files.ts';
import { runCaller } from '../load/run-caller.ts';
import { startLogSink } from '../load/start-log-sink.ts';
import type { BenchLogSink } from '../load/start-log-sink.ts';
import { startModelServer } from '../load/start-model-server.ts';
import { eventuallyTrue } from '../../test/support/eventually.ts';
import { EVENTS_A_REQUEST, requestQuantile, requestsASecond } from '../report/figure-names.ts';
import { PROGRAMS } from '../report/results.ts';
import type { Program } from '../report/results.ts';

const MODEL = 'logged';
const PATH = `/v2/models/${MODEL}/infer`;
const CONNECTIONS = 16;
const BODY = JSON.stringify({ inputs: [], padding: 'x'.repeat(1_000) });

interface Logged {
  readonly agent: BenchAgent;
  readonly sink: BenchLogSink;
}

/** An agent that sends nothing for this long has sent or dropped all events. */
const SETTLED_MS = 500;

/** The number of events that the sink received, once no more arrive. */
async function settled(sink: BenchLogSink): Promise<number> {
  for (let before = -1, now = await sink.count(); ; before = now, now = await sink.count()) {
    if (now === before) return now;
    await setTimeout(SETTLED_MS);
  }
}

/** Inferences of 1 KB through each agent, which logs each request and its response to its own sink. */
export const logger: Part = async ({ plan, record, say }) => {
  const { rounds, ms } = plan.dataPath;
  const [server, files] = [await startModelServer(), await startModelFiles()];
  const logged = new Map<Program, Logged>();
  try {
    for (const who of PROGRAMS) {
      server.forget();
      const sink = await startLogSink();
      const flags = ['--log-url', sink.url, '--log-mode', 'all', '--source-uri', 'bench'];
      const model = { name: MODEL, uri: files.uri(MODEL, 1_000) };
      const agent = await startBenchAgent(who, [model], { flags });
      logged.set(who, { agent, sink });
      await eventuallyTrue(`${who}’s agent has loaded its model`, () => server.loads.length > 0);
      await agent.ready();
    }
    const load = (port: number, took: number) =>
      runCaller({ ...{ port, path: PATH, body: BODY, connections: CONNECTIONS, ms: took, warmUpMs: 0 } });
    for (const { agent, sink } of logged.values()) {
      await load(agent.port, ms);
      await settled(sink);
    }
    await alternate(PROGRAMS, rounds, async (who) => {
      const started = logged.get(who);
      if (started === undefined) throw new Error(`${who}’s agent was not started`);
      const { agent, sink } = started;
      const before = await sink.count();
      const report = await load(agent.port, ms);
      if (report.failures > 0) throw new Error(`${who}: ${JSON.stringify(report.statuses)}`);
      const events = (await settled(sink)) - before;
      record(who, {
        [requestsASecond(CONNECTIONS)]: report.perSecond,
        [requestQuantile('p50', CONNECTIONS)]: report.p50,
        [requestQuantile('p99', CONNECTIONS)]: report.p99,
        [EVENTS_A_REQUEST]: events / report.requests,
      });
      say(
        `${who}: ${report.perSecond.toFixed(0)} requests/s, ${events} events of ${report.requests} requests`,
      );
    });
  } finally {
    for (const { agent, sink } of logged.values()) {
      await agent.stop();
      sink.stop();
    }
    files.stop();
    server.stop();
  }
};
