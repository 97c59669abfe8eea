import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { freePorts } from '../../src/development/controlplane/ports.ts';
import { AGENT, allLoaded, NODE_FLAGS } from '../support/agent.ts';
import type { AgentScene } from '../support/agent-scene.ts';
import { agentScene } from '../support/agent-scene.ts';
import { eventuallyTrue } from '../support/eventually.ts';
import { configured } from '../support/mounted-config.ts';
import type { AgentStatus } from '../../src/contract/agent-status.ts';
import type { Container, Pod } from '../../src/contract/pod.ts';

/** Pods from KServe's own webhook. */
const goldens = JSON.parse(
  readFileSync(join(import.meta.dirname, '../integration/upstream-goldens.json'), 'utf8'),
) as { cases: { name: string; expected: Pod }[] };

const agents = goldens.cases.flatMap(({ name, expected }): [string, Container][] => {
  const container = expected.spec.containers.find((candidate) => candidate.name === 'agent');
  return container?.args?.includes('--enable-puller') === true ? [[name, container]] : [];
});

describe("called as KServe's webhook calls its own agent", () => {
  let scene: AgentScene;
  beforeEach(async () => {
    scene = await agentScene();
  });
  afterEach(() => scene.end());

  /** The arguments and environment of the golden pod, with this test's directories and model server. */
  function called(container: Container): { args: string[]; env: Record<string, string> } {
    const places = new Map([
      ['--config-dir', scene.config.directory],
      ['--model-dir', scene.modelDir],
      ['--component-port', String(scene.server.port)],
    ]);
    const { args = [] } = container;
    const literal = (container.env ?? []).flatMap(({ name, value }): [string, string][] =>
      value === undefined ? [] : [[name, value.replace(/"port":\d+/, `"port":${scene.server.port}`)]],
    );
    return {
      args: args.map((arg, index) => places.get(args[index - 1] ?? '') ?? arg),
      env: Object.fromEntries(literal),
    };
  }

  it.each(agents)('%s: loads, becomes ready, answers', async (_name, container) => {
    await scene.config.writeModels([configured('m', scene.source.uri('m'))]);
    const { args, env } = called(container);
    // KServe's fixed ports need a pod's own network namespace. Here they may be taken.
    const [port = 0, statusPort = 0] = await freePorts(2);
    const ports = ['--port', String(port), '--status-port', String(statusPort)];
    const child = spawn(process.execPath, [...NODE_FLAGS, AGENT, ...args, ...ports], {
      env: { PATH: process.env['PATH'], ...env },
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    const exited = once(child, 'exit');
    try {
      const probe = () => fetch(`http://127.0.0.1:${port}/`, { headers: { 'K-Network-Probe': 'queue' } });
      await eventuallyTrue('it is ready', () =>
        probe().then(
          ({ ok }) => ok,
          () => false,
        ),
      );
      const status = (await (await fetch(`http://127.0.0.1:${statusPort}/v1/models`)).json()) as AgentStatus;
      expect(allLoaded(1)(status)).toBe(true);
      const answer = await fetch(`http://127.0.0.1:${port}/v2/models/m/infer`, {
        method: 'POST',
        body: '{}',
      });
      expect(await answer.json()).toEqual({ model_name: 'm', content: 'm' });
    } finally {
      child.kill('SIGKILL');
      await exited;
    }
  });

  it('has goldens to compare with', () => {
    expect(agents.length).toBeGreaterThan(3);
  });
});
