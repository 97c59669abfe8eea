import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { Agent, request } from 'node:http';
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { text } from 'node:stream/consumers';
import { startLoggedComponent } from '../support/log-requests.ts';
import { type LogSinkServer, startLogSink } from '../support/log-sink.ts';
import { type OwnAgent, startOwnAgent } from '../support/own-agent.ts';

const BODY = 'x'.repeat(4_096);

describe('the sink of the logger', () => {
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

  it('sends queued events when the agent ends', async () => {
    agent = await startOwnAgent(component.port, ['--log-url', sink.url, '--workers', '1']);
    await Promise.all(Array.from({ length: 200 }, () => post()));
    await agent.stop();
    expect(sink.events).toHaveLength(400);
  });

  it('sends queued events to a slow sink when the agent ends, within the grace period', async () => {
    sink.manner = 'takes its time';
    agent = await startOwnAgent(component.port, ['--log-url', sink.url, '--workers', '1']);
    await Promise.all(Array.from({ length: 20 }, () => post()));
    const { length: before } = sink.events;
    await agent.stop();
    expect(before).toBeLessThan(40);
    expect(sink.events).toHaveLength(40);
  });

  it('ends in time when the sink hangs, and logs how many events it dropped', async () => {
    sink.manner = 'hangs';
    agent = await startOwnAgent(component.port, ['--log-url', sink.url]);
    await Promise.all(Array.from({ length: 20 }, () => post()));
    const started = performance.now();
    await agent.stop();
    // Five seconds for the events, after one without a request. Kubernetes kills after 30.
    expect(performance.now() - started).toBeLessThan(20_000);
    const dropped = agent.log.flatMap((line) => /"dropped":(\d+)/.exec(line)?.[1] ?? []).map(Number);
    expect(dropped.reduce((sum, count) => sum + count, 0)).toBe(40);
  });

  it('truncates a long body, and marks the event', async () => {
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

  it('logs answers with any status with --log-all-statuses', async () => {
    agent = await startOwnAgent(component.port, ['--log-url', sink.url, '--log-all-statuses']);
    await post(BODY, '/status/404');
    await agent.stop();
    expect(sink.events.map(({ body }) => body.toString())).toContain('{"error":"x"}');
  });

  it('passes on the first byte of an answer before the request is complete', async () => {
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
