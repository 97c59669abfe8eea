import { PassThrough } from 'node:stream';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import process from 'node:process';
import { createInterface } from 'node:readline';
import { AGENT, NODE_FLAGS } from './agent.ts';

/** Our agent as shipped, without models. */
export interface OwnAgent {
  readonly port: number;
  readonly statusPort: number;
  readonly pid: number;
  readonly log: readonly string[];
  metrics(): Promise<string>;
  /** Sends SIGTERM and waits for its end. */
  stop(): Promise<void>;
}

/**
 * Starts the bundle as KServe's webhook does for an InferenceService that is not multi-model, and waits until it
 * serves.
 * @param within a command prefix that runs the agent
 */
export async function startOwnAgent(
  componentPort: number,
  flags: readonly string[],
  environment: Readonly<Record<string, string>> = {},
  within: readonly string[] = [],
): Promise<OwnAgent> {
  // No request follows the last one, so the agent need not wait.
  const args = [
    '--drain-seconds',
    '1',
    '--component-port',
    String(componentPort),
    '--port',
    '0',
    '--status-port',
    '0',
    ...flags,
  ];
  const [program = '', ...words] = [...within, process.execPath, ...NODE_FLAGS, AGENT, ...args];
  const child = spawn(program, words, {
    env: { PATH: process.env['PATH'], ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const exited = once(child, 'exit');
  const log: string[] = [];
  const lines = new PassThrough();
  child.stdout.pipe(lines, { end: false });
  child.stderr.pipe(lines, { end: false });
  const { port, statusPort } = await new Promise<{ port: number; statusPort: number }>((resolve, reject) => {
    createInterface({ input: lines }).on('line', (line) => {
      log.push(line);
      if (line.includes('"the agent is serving"'))
        resolve(JSON.parse(line) as { port: number; statusPort: number });
    });
    void exited.then(([code]) => reject(new Error(`the agent ended with ${code}:\n${log.join('\n')}`)));
  });
  return {
    ...{ port, statusPort, log, pid: child.pid! },
    metrics: async () => (await fetch(`http://127.0.0.1:${statusPort}/metrics`)).text(),
    stop: async () => {
      child.kill('SIGTERM');
      await exited;
    },
  };
}
