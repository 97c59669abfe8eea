import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import { run } from '../../src/cli/program.ts';

export interface CommandOutcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a command line of `mms` in this process, with streams of its own. */
export async function command(
  args: readonly string[],
  {
    environment = {},
    stdin = '',
  }: { readonly environment?: NodeJS.ProcessEnv; readonly stdin?: string } = {},
): Promise<CommandOutcome> {
  const io = { stdin: new PassThrough(), stdout: new PassThrough(), stderr: new PassThrough() };
  io.stdin.end(stdin);
  const printed = Promise.all([text(io.stdout), text(io.stderr)]);
  const code = await run(args, { ...io, environment, interruption: () => new AbortController().signal });
  io.stdout.end();
  io.stderr.end();
  const [stdout, stderr] = await printed;
  return { code, stdout, stderr };
}
