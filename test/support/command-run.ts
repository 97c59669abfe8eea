import process from 'node:process';
import { PassThrough } from 'node:stream';
import { run } from '../../src/cli/program.ts';

export interface CommandRun {
  /** The output so far. */
  readonly stdout: () => string;
  readonly stderr: () => string;
  /** Interrupts it as Ctrl-C does. */
  interrupt(): void;
  /** Resolves with the exit code. */
  readonly ended: Promise<number>;
}

/** Starts a command in this process, with `input` on its stdin. */
export function startCommand(
  args: readonly string[],
  { input = '', environment = {} }: { input?: string; environment?: NodeJS.ProcessEnv } = {},
): CommandRun {
  // commander ends `help` with the exit code that is set already. The worker process runs many tests, so it is reset.
  process.exitCode = undefined;
  const interruption = new AbortController();
  const [stdout, stderr] = [collected(), collected()];
  const stdin = new PassThrough();
  stdin.end(input);
  return {
    stdout: stdout.text,
    stderr: stderr.text,
    interrupt: () => interruption.abort(),
    ended: run(args, {
      ...{ environment, stdin, stdout: stdout.stream, stderr: stderr.stream },
      interruption: () => interruption.signal,
    }),
  };
}

export interface CommandOutcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a command to its end. */
export async function runCommand(
  args: readonly string[],
  more?: Parameters<typeof startCommand>[1],
): Promise<CommandOutcome> {
  const { ended, stdout, stderr } = startCommand(args, more);
  return { code: await ended, stdout: stdout(), stderr: stderr() };
}

function collected(): { stream: PassThrough; text: () => string } {
  const stream = new PassThrough();
  const chunks: string[] = [];
  stream.setEncoding('utf8').on('data', (chunk: string) => chunks.push(chunk));
  return { stream, text: () => chunks.join('') };
}
