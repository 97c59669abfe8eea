import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { freePorts } from '../../src/development/controlplane/ports.ts';
import { eventually } from './eventually.ts';

const LAUNCHER = fileURLToPath(new URL('../../bin/mms.js', import.meta.url));

/** A real `mms manager --local`, in its own process. */
export interface TestManager {
  readonly pid: number;
  readonly ports: {
    readonly webhook: number;
    readonly metrics: number;
    readonly health: number;
    /** Only with the option `page`. */
    readonly page: number;
  };
  /** Its log so far, one JSON object a line. */
  log(): string;
  /** The value of a metric, summed over all label sets that contain these. */
  metric(name: string, labels?: Readonly<Record<string, string>>): Promise<number>;
  ready(): Promise<boolean>;
  ended(): boolean;
  kill(signal: NodeJS.Signals): Promise<void>;
  /** Sends SIGTERM and resolves with the exit code. Does nothing if it has ended already. */
  stop(): Promise<number | null>;
}

export interface TestManagerOptions {
  readonly kubeconfig: string;
  readonly args?: readonly string[];
  /** Runs as in a cluster: the manager creates only the objects that it maintains. Default: `--local`. */
  readonly inCluster?: boolean;
  /** Serve the page, on `ports.page`. */
  readonly page?: boolean;
  /** In addition to the environment of this process. */
  readonly env?: Readonly<Record<string, string>>;
  /** The program of another version. Default: that of this checkout, which has to be built. */
  readonly program?: string;
  /** Resolve at once instead of when it is ready. */
  readonly waitUntilReady?: boolean;
}

export async function startTestManager(options: TestManagerOptions): Promise<TestManager> {
  const [webhook = 0, metrics = 0, health = 0, page = 0] = await freePorts(4);
  const ports = { webhook, metrics, health, page };
  const child = spawn(
    process.execPath,
    [
      ...[options.program ?? LAUNCHER, 'manager', '--kubeconfig', options.kubeconfig],
      ...(options.inCluster === true ? [] : ['--local']),
      ...[
        '--webhook-port',
        String(webhook),
        '--metrics-port',
        String(metrics),
        '--health-port',
        String(health),
      ],
      ...(options.page === true ? ['--page-port', String(page)] : []),
      ...(options.args ?? []),
    ],
    { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ...options.env } },
  );
  const chunks: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
  child.stderr.on('data', (chunk: Buffer) => chunks.push(chunk));
  const log = (): string => Buffer.concat(chunks).toString('utf8');
  const manager: TestManager = {
    pid: child.pid ?? 0,
    ports,
    log,
    metric: (name, labels = {}) => readMetric(metrics, name, labels),
    ready: () => answersOk(`http://127.0.0.1:${health}/readyz`),
    ended: () => hasEnded(child),
    kill: (signal) => end(child, signal),
    async stop() {
      await end(child, 'SIGTERM');
      return child.exitCode;
    },
  };
  if (options.waitUntilReady !== false) {
    await eventually(async () => {
      if (hasEnded(child)) throw new Error(`the manager ended: ${log()}`);
      if (!(await manager.ready())) throw new Error(`not ready: ${log()}`);
    }, 60_000);
  }
  return manager;
}

function hasEnded(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null;
}

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (hasEnded(child)) return;
  const ended = once(child, 'exit');
  child.kill(signal);
  await ended;
}

async function answersOk(url: string): Promise<boolean> {
  try {
    return (await fetch(url, { signal: AbortSignal.timeout(2000) })).ok;
  } catch {
    return false;
  }
}

async function readMetric(
  port: number,
  name: string,
  labels: Readonly<Record<string, string>>,
): Promise<number> {
  const text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
  const wanted = Object.entries(labels).map(([key, value]) => `${key}="${value}"`);
  return text
    .split('\n')
    .filter((line) => line.startsWith(`${name} `) || line.startsWith(`${name}{`))
    .filter((line) => wanted.every((label) => line.includes(label)))
    .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);
}
