import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { connect } from 'node:net';
import { createInterface } from 'node:readline';
import { Readable } from 'node:stream';
import type { AgentStatusEvent } from '../../src/contract/agent-status.ts';
import { allLoaded, type TestAgent } from '../support/agent.ts';
import type { AgentScene } from '../support/agent-scene.ts';
import { agentScene } from '../support/agent-scene.ts';
import { eventuallyTrue } from '../support/eventually.ts';
import { configured } from '../support/mounted-config.ts';
import { allProved } from '../support/on-demand.ts';
import { report } from '../support/report.ts';

/** KServe's agent v0.17 had 65 to 67 MiB in the same test, idle after its start; ours had 58 to 60. */
const IDLE_MIB = 65;

describe('the status of the agent', () => {
  let scene: AgentScene;
  beforeEach(async () => {
    scene = await agentScene();
  });
  afterEach(() => scene.end());

  /** The answer to the preStop hook of the model server's container. */
  async function drained({ statusPort }: TestAgent): Promise<string> {
    return (await fetch(`http://127.0.0.1:${statusPort}/wait-for-drain`)).text();
  }

  /** Reads the stream into a list until it is stopped. */
  async function watch(port: number, query = ''): Promise<{ events: AgentStatusEvent[]; stop(): void }> {
    const ending = new AbortController();
    const answer = await fetch(`http://127.0.0.1:${port}/v1/models/watch${query}`, { signal: ending.signal });
    const events: AgentStatusEvent[] = [];
    const lines = createInterface({
      input: Readable.fromWeb(answer.body as never).on('error', () => undefined),
    });
    lines
      .on('line', (line) => events.push(JSON.parse(line) as AgentStatusEvent))
      .on('error', () => undefined);
    return { events, stop: () => ending.abort() };
  }

  it('streams a snapshot, then every change, and resumes from a sequence number', async () => {
    const { config, source } = scene;
    await config.write('[]');
    const agent = await scene.start();
    await agent.until(({ config: { state } }) => state === 'good');
    const first = await watch(agent.statusPort);
    await eventuallyTrue('a snapshot', () => first.events[0]?.type === 'SNAPSHOT');
    await config.writeModels([configured('a', source.uri('a'))]);
    const loaded = (event: AgentStatusEvent) => event.type === 'MODEL' && event.model.phase === 'Loaded';
    await eventuallyTrue('a is loaded', () => first.events.some(loaded));
    first.stop();
    await config.write('[]');
    await agent.until(({ models }) => models.length === 0);
    const instance = (first.events[0] as { status: { instance: string } }).status.instance;
    const last = first.events.at(-1)!.sequence;
    const second = await watch(agent.statusPort, `?instance=${instance}&since=${last}`);
    await eventuallyTrue('the removal', () => second.events.some(({ type }) => type === 'REMOVED'));
    expect(second.events.map(({ type }) => type)).not.toContain('SNAPSHOT');
    second.stop();
  });

  it('serves health, readiness, metrics and each model, and 404 for the rest', async () => {
    const { config, source } = scene;
    await config.writeModels([configured('a', source.uri('a'))]);
    const agent = await scene.start();
    const read = async (path: string) => {
      const answer = await fetch(`http://127.0.0.1:${agent.statusPort}${path}`);
      return { status: answer.status, text: await answer.text() };
    };
    await agent.until(allLoaded(1));
    await scene.infer(agent, 'a');
    await scene.infer(agent, 'nobody-knows');
    expect(await read('/healthz')).toEqual({ status: 200, text: 'ok\n' });
    expect((await read('/readyz')).status).toBe(200);
    expect(JSON.parse((await read('/v1/models/a')).text)).toMatchObject({
      name: 'a',
      phase: 'Loaded',
      bytes: 1,
    });
    const rest = [
      '/v1/models/b',
      '//',
      '//healthz',
      '/v1/models/%',
      '/v1/models/%E0%A4%A',
      '/%',
      '/v1/models/',
      '/?%',
    ];
    for (const path of rest) {
      const status = await raw(
        agent.statusPort,
        `GET ${path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`,
      );
      expect([path, status]).toEqual([path, 'HTTP/1.1 404 Not Found']);
    }
    for (const target of ['http://a/healthz', 'http:/healthz', '*', 'a:80']) {
      const status = await raw(
        agent.statusPort,
        `GET ${target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`,
      );
      expect([target, status]).not.toEqual([target, expect.stringContaining(' 500 ')]);
    }
    const { text } = await read('/metrics');
    expect(text).toContain('kserve_mms_agent_model_phase{model="a",phase="Loaded"} 1');
    expect(text).toContain('kserve_mms_agent_requests_total{model="a",verb="infer",code="200"} 1');
    expect(text).toContain('kserve_mms_agent_requests_total{model="",verb="infer",code="404"} 1');
    expect(text).toContain('kserve_mms_agent_step_duration_seconds_count{step="load",outcome="ok"} 1');
    expect(text).not.toContain('nobody-knows');
  });

  it('is not ready before the first models are settled or while it drains', async () => {
    const { config, source, server } = scene;
    let release: (() => void) | undefined;
    server.behave = () =>
      new Promise((resolve) => {
        release = () => resolve(undefined);
      });
    await config.writeModels([configured('slow', source.uri('slow'))]);
    const agent = await scene.start({ flags: ['--drain-seconds', '20'] });
    await eventuallyTrue('the load was asked for', () => release !== undefined);
    expect(await agent.notReady()).toContain('slow (Loading)');
    release!();
    await agent.until(allLoaded(1));
    expect(await agent.notReady()).toBeUndefined();
    const exit = agent.kill('SIGTERM');
    await eventuallyTrue(
      'it drains',
      async () => (await agent.notReady())?.includes('shutting down') === true,
    );
    expect(await scene.infer(agent, 'slow')).toBe('slow');
    expect(await exit).toBe(0);
  });

  it('does not hold up the preStop hook of a model server when the agent keeps running', async () => {
    await scene.config.write('[]');
    const agent = await scene.start();
    expect(await drained(agent)).toBe('the agent does not end\n');
  });

  it.each([
    [
      'holds up the end of the model server until it has drained, and wakes models until then',
      ['--residency', 'on-demand', '--memory-budget', '64Mi'],
    ],
    ['holds up the end of the model server until it has drained', []],
  ])('%s', async (_, flags) => {
    const { config, source } = scene;
    await config.writeModels([configured('a', source.uri('a')), configured('b', source.uri('b'))]);
    const agent = await scene.start({ flags: ['--drain-seconds', '20', ...flags] });
    await agent.until(allProved(2));
    const exit = agent.kill('SIGTERM');
    let isDrained = false;
    const hook = drained(agent).then((answer) => {
      isDrained = true;
      return answer;
    });
    await eventuallyTrue('it ends', async () => (await agent.notReady())?.includes('shutting') === true);
    for (const name of ['a', 'b', 'a', 'b']) expect(await scene.infer(agent, name)).toBe(name);
    expect(isDrained).toBe(false);
    expect(await hook).toBe('the agent has drained\n');
    expect(await exit).toBe(0);
  });

  it('needs little memory when idle', async () => {
    await scene.config.write('[]');
    const agent = await scene.start();
    await agent.until(({ config }) => config.state === 'good');
    const rss = await agent.rss();
    report('the idle agent', { rssMiB: rss });
    expect(rss).toBeLessThan(IDLE_MIB);
  });
});

/** The status line of a server's answer to these bytes. */
async function raw(port: number, bytes: string): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  socket.end(bytes);
  const chunks: Buffer[] = [];
  for await (const chunk of socket) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString().split('\r\n')[0] ?? '';
}
