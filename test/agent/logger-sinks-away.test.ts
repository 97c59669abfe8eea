import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Agent, type IncomingMessage, request } from 'node:http';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { eventually } from '../support/eventually.ts';
import { startLoggedComponent } from '../support/log-requests.ts';
import { startLogSink } from '../support/log-sink.ts';
import { type OwnAgent, startOwnAgent } from '../support/own-agent.ts';
import { residentMib } from '../support/process-memory.ts';
import { quantile } from '../support/quantile.ts';
import { report } from '../support/report.ts';

const REQUESTS = 10_000;
/** The agents take turns, so that other load on the machine affects both. */
const TURNS = 50;
/** Both processes are fresh, and the engine optimizes code that runs often. */
const WARM_UP = 1_000;
const BODY = 'x'.repeat(1_000);
const QUEUE = 100;

describe('a sink that does not accept events', () => {
  let component: Awaited<ReturnType<typeof startLoggedComponent>>;
  const connections = new Agent({ keepAlive: true, maxSockets: 32 });
  beforeAll(async () => {
    component = await startLoggedComponent();
  });
  afterAll(() => {
    connections.destroy();
    component.close();
  });

  /** The duration of one request. It throws when the request fails. */
  async function post({ port }: OwnAgent): Promise<number> {
    const began = performance.now();
    const address = { port, host: '127.0.0.1', path: '/v1/models/m:predict' };
    const call = request({ ...address, method: 'POST', agent: connections });
    call.end(BODY);
    const [answer] = (await once(call, 'response')) as [IncomingMessage];
    const got = await text(answer);
    if (answer.statusCode !== 200 || got !== BODY)
      throw new Error(`${answer.statusCode}: ${got.slice(0, 200)}`);
    return performance.now() - began;
  }

  /** The durations of requests by 16 callers. */
  async function posts(agent: OwnAgent, count: number): Promise<number[]> {
    const took: number[] = [];
    let left = count;
    const caller = async () => {
      while (left-- > 0) took.push(await post(agent));
    };
    await Promise.all(Array.from({ length: 16 }, caller));
    return took;
  }

  const metricOf = async (agent: OwnAgent, name: RegExp) =>
    Number(new RegExp(`${name.source} (\\d+)\n`).exec(await agent.metrics())?.[1]);

  it.each(['hangs', 'answers 500', 'resets'] as const)(
    '%s: no request fails or waits, dropped events are counted and logged, memory is bounded',
    async (manner) => {
      const sink = await startLogSink();
      sink.manner = manner;
      const flags = ['--log-url', sink.url, '--log-queue-events', String(QUEUE)];
      const agent = await startOwnAgent(component.port, flags);
      const plain = await startOwnAgent(component.port, []);
      try {
        for (const one of [agent, plain]) await posts(one, WARM_UP);
        const before = await residentMib(agent.pid);
        const took = { logged: [] as number[], plain: [] as number[] };
        for (let turn = 0; turn < TURNS; turn += 1) {
          const pair = [
            { one: agent, all: took.logged },
            { one: plain, all: took.plain },
          ];
          // They take turns in going first.
          for (const { one, all } of turn % 2 === 0 ? pair : pair.reverse())
            all.push(...(await posts(one, REQUESTS / TURNS)));
        }
        expect(took.logged).toHaveLength(REQUESTS);
        const [logged, without] = [quantile(took.logged, 0.99), quantile(took.plain, 0.99)];
        const grown = (await residentMib(agent.pid)) - before;
        report(`a sink that ${manner}`, {
          ...{ 'p99 ms': logged, 'p99 ms without a logger': without, ratio: logged / without },
          'memory grown MiB': grown,
        });
        expect(logged / without).toBeLessThan(11);
        expect(grown).toBeLessThan(100);
        const dropped = await metricOf(agent, /log_events_total\{outcome="dropped"\}/);
        expect(dropped).toBeGreaterThan(2 * REQUESTS - QUEUE);
        expect(dropped).toBeLessThanOrEqual(2 * (REQUESTS + WARM_UP));
        expect(await metricOf(agent, /log_queue_events/)).toBeLessThanOrEqual(QUEUE);
        expect(agent.log.filter((line) => line.includes('events were dropped'))).toHaveLength(1);
        // The queued events are sent once the sink accepts events again, after those in flight.
        sink.manner = 'takes';
        await eventually(() => {
          expect(sink.events.length).toBeGreaterThan(0);
          return Promise.resolve();
        }, 45_000);
      } finally {
        await agent.stop();
        await plain.stop();
        sink.close();
      }
    },
    300_000,
  );
});
