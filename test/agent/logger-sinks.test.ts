import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { Agent, request } from 'node:http';
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { text } from 'node:stream/consumers';
import { eventually } from '../support/eventually.ts';
import { startLoggedComponent } from '../support/log-requests.ts';
import { type LogSinkServer, startLogSink } from '../support/log-sink.ts';
import { type OwnAgent, startOwnAgent } from '../support/own-agent.ts';
import { residentMib } from '../support/process-memory.ts';

/** Enough to fill the queue many times. */
const REQUESTS = 2_000;
const BODY = 'x'.repeat(4_096);

describe('a sink that does not take events', () => {
  let component: Awaited<ReturnType<typeof startLoggedComponent>>;
  let sink: LogSinkServer;
  let agent: OwnAgent;
  const connections = new Agent({ keepAlive: true, maxSockets: 16 });
  beforeAll(async () => {
    component = await startLoggedComponent();
  });
  afterAll(() => {
    connections.destroy();
    component.close();
  });
  beforeEach(async () => {
    sink = await startLogSink();
  });
  afterEach(() => sink.close());

  async function post(body = BODY, path = '/v1/models/m:predict'): Promise<number> {
    const call = request({ port: agent.port, host: '127.0.0.1', path, method: 'POST', agent: connections });
    call.end(body);
    const [answer] = (await once(call, 'response')) as [IncomingMessage];
    return (await text(answer)) === body ? (answer.statusCode ?? 0) : 0;
  }

  async function events(outcome: string): Promise<number> {
    const found = new RegExp(`log_events_total\\{outcome="${outcome}"\\} (\\d+)`).exec(await agent.metrics());
    return Number(found?.[1]);
  }

  it.each(['hangs', 'answers 500', 'resets'] as const)(
    '%s: no request fails, what is dropped is counted and said, memory is bounded',
    async (manner) => {
      sink.manner = manner;
      agent = await startOwnAgent(component.port, ['--log-url', sink.url, '--log-queue-events', '100']);
      try {
        expect(await post()).toBe(200);
        const before = await residentMib(agent.pid);
        let left = REQUESTS;
        const caller = async () => {
          while (left-- > 0) expect(await post()).toBe(200);
        };
        await Promise.all(Array.from({ length: 16 }, caller));
        expect(await events('dropped')).toBeGreaterThan(REQUESTS);
        expect(await agent.metrics()).toMatch(/log_queue_events \d{1,3}\n/);
        expect(await residentMib(agent.pid)).toBeLessThan(before + 100);
        expect(agent.log.filter((line) => line.includes('events were dropped'))).toHaveLength(1);
        // What waits is sent once the sink takes events again, after those that are under way.
        sink.manner = 'takes';
        await eventually(() => {
          expect(sink.events.length).toBeGreaterThan(0);
          return Promise.resolve();
        }, 45_000);
      } finally {
        await agent.stop();
      }
    },
    120_000,
  );

  it('sends what waits when the agent ends', async () => {
    agent = await startOwnAgent(component.port, ['--log-url', sink.url, '--workers', '1']);
    await Promise.all(Array.from({ length: 200 }, () => post()));
    await agent.stop();
    expect(sink.events).toHaveLength(400);
  });

  it('sends what waits to a slow sink when the agent ends, within the grace period', async () => {
    sink.manner = 'takes its time';
    agent = await startOwnAgent(component.port, ['--log-url', sink.url, '--workers', '1']);
    await Promise.all(Array.from({ length: 20 }, () => post()));
    const { length: before } = sink.events;
    await agent.stop();
    expect(before).toBeLessThan(40);
    expect(sink.events).toHaveLength(40);
  });

  it('ends in time though the sink takes nothing, and says what it dropped', async () => {
    sink.manner = 'hangs';
    agent = await startOwnAgent(component.port, ['--log-url', sink.url]);
    await Promise.all(Array.from({ length: 20 }, () => post()));
    const started = performance.now();
    await agent.stop();
    // Five seconds for the events after one without a request; Kubernetes kills after 30.
    expect(performance.now() - started).toBeLessThan(20_000);
    const told = agent.log.flatMap((line) => /"dropped":(\d+)/.exec(line)?.[1] ?? []).map(Number);
    expect(told.reduce((sum, count) => sum + count, 0)).toBe(40);
  });

  it('logs a long body cut, and says so', async () => {
    agent = await startOwnAgent(component.port, ['--log-url', sink.url, '--log-max-body-bytes', '1000']);
    await post('y'.repeat(300_000));
    await agent.stop();
    expect(sink.events.map(({ body, headers }) => [body.length, headers['ce-truncatedfrom']])).toEqual([
      [1_000, '300000'],
      [1_000, '300000'],
    ]);
  });

  it.each([
    ['request', ['request']],
    ['response', ['response']],
    ['all', ['request', 'response']],
  ])('--log-mode %s logs %j', async (mode, kinds) => {
    agent = await startOwnAgent(component.port, ['--log-url', sink.url, '--log-mode', mode]);
    await post();
    await agent.stop();
    const types = sink.events.map(({ headers }) => headers['ce-type']).sort();
    expect(types).toEqual(kinds.map((kind) => `org.kubeflow.serving.inference.${kind}`));
  });

  it('logs answers with any status when it is asked to', async () => {
    agent = await startOwnAgent(component.port, ['--log-url', sink.url, '--log-all-statuses']);
    await post(BODY, '/status/404');
    await agent.stop();
    expect(sink.events.map(({ body }) => body.toString())).toContain('{"error":"x"}');
  });

  it('passes the first byte of an answer on while the request still comes', async () => {
    agent = await startOwnAgent(component.port, ['--log-url', sink.url]);
    const call = request({ port: agent.port, host: '127.0.0.1', path: '/early', method: 'POST' });
    call.write('first');
    const [answer] = (await once(call, 'response')) as [IncomingMessage];
    expect(answer.statusCode).toBe(200);
    call.end('last');
    await text(answer);
    await agent.stop();
    expect(sink.events.map(({ body }) => body.toString()).sort()).toEqual(['early', 'firstlast']);
  });
});
