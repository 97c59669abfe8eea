import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { AgentSetup, TestAgent } from './agent.ts';
import { startAgent } from './agent.ts';
import type { ModelSource } from './model-source.ts';
import { startModelSource } from './model-source.ts';
import type { MountedConfig } from './mounted-config.ts';
import { mountConfig } from './mounted-config.ts';
import type { V2Server } from './v2-server.ts';
import { startV2Server } from './v2-server.ts';

/** A pod without Kubernetes: the mounted ConfigMap, the shared model directory, a model server, and a model source. */
export interface AgentScene {
  readonly modelDir: string;
  readonly config: MountedConfig;
  readonly server: V2Server;
  readonly source: ModelSource;
  /** Starts an agent; the scene ends it. */
  start(more?: Partial<AgentSetup>): Promise<TestAgent>;
  /** The model server's answer for a model through the agent's proxy: its content, or the status when not 200. */
  infer(agent: TestAgent, name: string): Promise<string | number>;
  end(): Promise<void>;
}

/** Makes a scene in its own directory. */
export async function agentScene(): Promise<AgentScene> {
  const root = await mkdtemp(join(tmpdir(), 'kserve-mms-scene-'));
  const modelDir = join(root, 'models');
  const config = await mountConfig(join(root, 'configs'));
  const server = await startV2Server(modelDir);
  const source = await startModelSource();
  const agents: TestAgent[] = [];
  return {
    modelDir,
    config,
    server,
    source,
    start: async (more) => {
      const agent = await startAgent({
        configDir: config.directory,
        modelDir,
        componentPort: server.port,
        ...more,
      });
      agents.push(agent);
      return agent;
    },
    infer: async ({ port }, name) => {
      const answer = await fetch(`http://127.0.0.1:${port}/v2/models/${name}/infer`, {
        method: 'POST',
        body: '{}',
      });
      const body = (await answer.json()) as { content?: string };
      return answer.status === 200 ? (body.content ?? '') : answer.status;
    },
    end: async () => {
      for (const agent of agents) {
        if (agent.process.exitCode === null && agent.process.signalCode === null) await agent.kill('SIGKILL');
      }
      await server.stop();
      await source.stop();
      await rm(root, { recursive: true, force: true });
    },
  };
}
