import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { seconds } from '../core/clock.ts';
import type { Clock } from '../core/clock.ts';
import { MmsError } from '../core/errors.ts';

/** `mms manager --local` in a process of its own, as a user would start it. */
export interface ManagerProcess {
  /** http://127.0.0.1:PORT/metrics */
  readonly metricsUrl: string;
  stop(): Promise<void>;
}

export interface ManagerProcessOptions {
  /** The launcher, bin/mms.js. */
  readonly launcher: string;
  readonly kubeconfig: string;
  readonly ports: { readonly webhook: number; readonly metrics: number; readonly health: number };
  readonly logFile: string;
  readonly clock: Clock;
}

/** The manager ended, or never became ready. */
class ManagerStartError extends MmsError {
  readonly code = 'MANAGER_START';
  readonly retryable = false;
}

const READY_WITHIN = seconds(60);
const POLL = seconds(0.1);
const STOP_WITHIN = seconds(30);

/** Starts it and resolves once it is ready: caches synced, webhook registered, certificate served. */
export async function startManagerProcess(options: ManagerProcessOptions): Promise<ManagerProcess> {
  const { launcher, kubeconfig, ports, logFile, clock } = options;
  const child = spawn(
    process.execPath,
    [
      ...[launcher, 'manager', '--local', '--kubeconfig', kubeconfig],
      ...['--webhook-port', String(ports.webhook)],
      ...['--metrics-port', String(ports.metrics)],
      ...['--health-port', String(ports.health)],
    ],
    { stdio: ['ignore', 'pipe', 'pipe'] },
  );
  const log = createWriteStream(logFile);
  child.stdout.pipe(log, { end: false });
  child.stderr.pipe(log, { end: false });
  await untilReady(child, `http://127.0.0.1:${ports.health}/readyz`, logFile, clock);
  return {
    metricsUrl: `http://127.0.0.1:${ports.metrics}/metrics`,
    stop: () => stop(child, clock),
  };
}

async function untilReady(child: ChildProcess, url: string, logFile: string, clock: Clock): Promise<void> {
  const deadline = clock.now() + READY_WITHIN;
  while (clock.now() < deadline) {
    if (hasEnded(child)) throw new ManagerStartError(`the manager ended at once; its log is ${logFile}`);
    if (await answersOk(url)) return;
    await clock.sleep(POLL);
  }
  await stop(child, clock);
  throw new ManagerStartError(
    `the manager was not ready after ${READY_WITHIN / 1000} s; its log is ${logFile}`,
  );
}

function hasEnded(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null;
}

async function answersOk(url: string): Promise<boolean> {
  try {
    return (await fetch(url, { signal: AbortSignal.timeout(1000) })).ok;
  } catch {
    return false;
  }
}

async function stop(child: ChildProcess, clock: Clock): Promise<void> {
  if (hasEnded(child)) return;
  const ended = once(child, 'exit');
  child.kill('SIGTERM');
  const timer = new AbortController();
  await Promise.race([ended, clock.sleep(STOP_WITHIN, timer.signal)]);
  timer.abort();
  if (!hasEnded(child)) child.kill('SIGKILL');
  await ended;
}
