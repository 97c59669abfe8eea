import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import process from 'node:process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { AgentStatus, ModelStatus } from '../../src/core/agent-status.ts';
import { eventually } from './eventually.ts';

const ROOT = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
let bundle: Promise<string> | undefined;

/** The agent as it is shipped, built from the sources as they are; once for a test file. */
export function agentBundle(): Promise<string> {
  bundle ??= build();
  return bundle;
}

async function build(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'kserve-mms-agent-'));
  // In a process of its own, as the build does it.
  const script = `(await import(${JSON.stringify(join(ROOT, 'scripts/bundle-agent.mjs'))})).bundleAgent(process.argv[1])`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script, directory], {
    stdio: 'inherit',
  });
  const [code] = (await once(child, 'exit')) as [number];
  if (code !== 0) throw new Error('the agent could not be bundled');
  return join(directory, 'agent.js');
}

export interface TestAgent {
  readonly process: ChildProcess;
  readonly port: number;
  readonly statusPort: number;
  /** Monotonic milliseconds of the moment before it was started. */
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
}

/** Flags for Node with which the image starts the agent. */
export const NODE_FLAGS = ['--max-semi-space-size=1', '--max-old-space-size=256', '--v8-pool-size=1'];

/** Starts the bundle with KServe's argument list, on free ports, and waits until it serves. */
export async function startAgent(setup: AgentSetup): Promise<TestAgent> {
  const entry = await agentBundle();
  const args = ['--enable-puller', '--config-dir', setup.configDir, '--model-dir', setup.modelDir];
  args.push('--component-port', String(setup.componentPort), '--port', '0', '--status-port', '0');
  const startedAt = performance.now();
  const child = spawn(process.execPath, [...NODE_FLAGS, entry, ...args, ...(setup.flags ?? [])], {
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
    rss: async () => {
      const text = await readFile(`/proc/${child.pid}/status`, 'utf8');
      return Number(/VmRSS:\s+(\d+) kB/.exec(text)?.[1]) / 1024;
    },
    kill: async (signal: NodeJS.Signals) => {
      const exited = once(child, 'exit') as Promise<[number | null]>;
      child.kill(signal);
      return (await exited)[0];
    },
  };
}

/** Whether every model of the status is loaded, and there are so many. */
export function allLoaded(count: number): (status: AgentStatus) => boolean {
  return ({ models }) => models.length === count && models.every(({ phase }) => phase === 'Loaded');
}
