import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import process from 'node:process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { AgentStatus, ModelStatus } from '../../src/contract/agent-status.ts';
import { ENTRYPOINT } from '../../image/archive.ts';
import { eventually } from './eventually.ts';
import { residentMib } from './process-memory.ts';

/** The shipped agent: the bundle of `npm run build`. */
export const AGENT = fileURLToPath(new URL('../../dist/agent.js', import.meta.url));

export interface TestAgent {
  readonly process: ChildProcess;
  readonly port: number;
  readonly statusPort: number;
  /** Monotonic milliseconds, just before the start. */
  readonly startedAt: number;
  readonly log: string[];
  status(): Promise<AgentStatus>;
  model(name: string): Promise<ModelStatus | undefined>;
  /** Undefined when kubelet's probe gets 200, else the reason. */
  notReady(): Promise<string | undefined>;
  /** Waits until a condition on the status holds. */
  until(condition: (status: AgentStatus) => boolean, withinMs?: number): Promise<AgentStatus>;
  /** Resident memory in MiB. */
  rss(): Promise<number>;
  kill(signal: NodeJS.Signals): Promise<number | null>;
}

export interface AgentSetup {
  readonly configDir: string;
  readonly modelDir: string;
  readonly componentPort: number;
  readonly env?: Readonly<Record<string, string>>;
  readonly flags?: readonly string[];
  /** A program that runs the agent, with its arguments. */
  readonly within?: readonly string[];
}

/** Flags for Node with which the image starts the agent. */
export const NODE_FLAGS = ENTRYPOINT.slice(1, -1);

/** Starts the bundle with KServe's argument list, on free ports, and waits until it serves. */
export async function startAgent(setup: AgentSetup): Promise<TestAgent> {
  const args = ['--enable-puller', '--config-dir', setup.configDir, '--model-dir', setup.modelDir];
  args.push('--component-port', String(setup.componentPort), '--port', '0', '--status-port', '0');
  const startedAt = performance.now();
  const command = [process.execPath, ...NODE_FLAGS, AGENT, ...args, ...(setup.flags ?? [])];
  const [program = '', ...rest] = [...(setup.within ?? []), ...command];
  const child = spawn(program, rest, {
    env: { PATH: process.env['PATH'], ...setup.env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const log: string[] = [];
  const ports = await readPorts(child, log);
  return { process: child, startedAt, log, ...ports, ...methodsOf(child, ports) };
}

function readPorts(child: ChildProcess, log: string[]): Promise<{ port: number; statusPort: number }> {
  return new Promise((resolve, reject) => {
    for (const stream of [child.stdout, child.stderr]) {
      createInterface({ input: stream! }).on('line', (line) => {
        log.push(line);
        if (!line.includes('"the agent is serving"')) return;
        const { port, statusPort } = JSON.parse(line) as { port: number; statusPort: number };
        resolve({ port, statusPort });
      });
    }
    child.once('exit', (code) => reject(new Error(`the agent ended with ${code}:\n${log.join('\n')}`)));
  });
}

function methodsOf(child: ChildProcess, { port, statusPort }: { port: number; statusPort: number }) {
  const status = async () =>
    (await fetch(`http://127.0.0.1:${statusPort}/v1/models`)).json() as Promise<AgentStatus>;
  return {
    status,
    model: async (name: string) => (await status()).models.find((model) => model.name === name),
    notReady: async () => {
      const answer = await fetch(`http://127.0.0.1:${port}/`, { headers: { 'K-Network-Probe': 'queue' } });
      const body = await answer.text();
      return answer.status === 200 ? undefined : body;
    },
    until: (condition: (status: AgentStatus) => boolean, withinMs = 60_000) =>
      eventually(
        async () => {
          const now = await status();
          if (!condition(now)) throw new Error(`not reached: ${JSON.stringify(now).slice(0, 2_000)}`);
          return now;
        },
        withinMs,
        25,
      ),
    rss: () => residentMib(child.pid!),
    kill: async (signal: NodeJS.Signals) => {
      const exited = once(child, 'exit') as Promise<[number | null]>;
      child.kill(signal);
      return (await exited)[0];
    },
  };
}

/** Whether the status has this many models, all of them loaded. */
export function allLoaded(count: number): (status: AgentStatus) => boolean {
  return ({ models }) => models.length === count && models.every(({ phase }) => phase === 'Loaded');
}
