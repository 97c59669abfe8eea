import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);
const MAX_OUTPUT_BYTES = 256 * 1024 * 1024;

/** Runs a program to its end and resolves with what it wrote; rejects with its standard error in the message. */
export async function outputOf(
  command: string,
  args: readonly string[],
  options: { readonly cwd?: string } = {},
): Promise<Buffer> {
  const { stdout } = await run(command, [...args], {
    ...options,
    encoding: 'buffer',
    maxBuffer: MAX_OUTPUT_BYTES,
  });
  return stdout;
}
