import { spawn } from 'node:child_process';
import { once } from 'node:events';
import process from 'node:process';
import { setTimeout as sleep } from 'node:timers/promises';

export interface ServerProcess {
  stop(): Promise<void>;
}

/**
 * Starts a server and waits until it answers. @throws with its output when it ends first or does not answer in 30 s.
 */
export async function startServer(
  command: string,
  args: readonly string[],
  env: Readonly<Record<string, string>>,
  answers: () => Promise<boolean>,
): Promise<ServerProcess> {
  const child = spawn(command, args, { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
  const output: Buffer[] = [];
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      if (output.length < 1000) output.push(chunk);
    });
  }
  const exited = once(child, 'exit');
  const deadline = Date.now() + 30_000;
  while (!(await answers().catch(() => false))) {
    if (child.exitCode !== null || Date.now() > deadline) {
      child.kill('SIGKILL');
      throw new Error(`${command} did not come up:\n${Buffer.concat(output).toString()}`);
    }
    await sleep(50);
  }
  return {
    stop: async () => {
      child.kill('SIGTERM');
      const killer = setTimeout(() => child.kill('SIGKILL'), 5_000);
      await exited;
      clearTimeout(killer);
    },
  };
}
