import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { text } from 'node:stream/consumers';
import { messageOf } from '../../lib/errors.ts';
import { ProgramError } from './errors.ts';

const STDERR_TAIL = 2000;

/** How a program is run, with everything it needs. */
interface ProgramRun {
  readonly command: string;
  readonly args: readonly string[];
  readonly cwd?: string;
  readonly environment?: NodeJS.ProcessEnv;
  /** Write its output to this file, rather than returning it. */
  readonly outputFile?: string;
  /** A directory under guardDirectory: the program is ended with this process. */
  readonly guardedDirectory?: string;
}

/**
 * Runs a program to its end and resolves with what it wrote to standard output.
 * @throws ProgramError with the end of its standard error when it fails or is not installed.
 */
export async function runProgram(run: ProgramRun): Promise<string> {
  const child = spawn(run.command, run.args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    ...(run.cwd === undefined ? {} : { cwd: run.cwd }),
    ...(run.environment === undefined ? {} : { env: run.environment }),
  });
  // Read from the first moment on: what a child has written is thrown away when it ends without a reader.
  const ended = Promise.all([
    once(child, 'close'),
    outputOf(child.stdout, run.outputFile),
    text(child.stderr),
  ]);
  ended.catch(() => undefined);
  const pidFile =
    run.guardedDirectory !== undefined && child.pid !== undefined
      ? join(run.guardedDirectory, `${child.pid}.pid`)
      : undefined;
  try {
    if (pidFile !== undefined) await writeFile(pidFile, String(child.pid));
    const [exit, stdout, stderr] = await ended;
    const [code, signal] = exit as [number | null, NodeJS.Signals | null];
    if (code === 0) return stdout;
    throw new ProgramError(
      `\`${run.command} ${run.args[0] ?? ''}\` ended with ${signal ?? `exit code ${code ?? '?'}`}: ` +
        stderr.trim().slice(-STDERR_TAIL),
    );
  } catch (error) {
    if (error instanceof ProgramError) throw error;
    throw new ProgramError(`cannot run \`${run.command}\`: ${messageOf(error)}`, { cause: error });
  } finally {
    if (pidFile !== undefined) await rm(pidFile, { force: true });
  }
}

async function outputOf(stdout: Readable, file: string | undefined): Promise<string> {
  if (file === undefined) return text(stdout);
  await pipeline(stdout, createWriteStream(file, { flags: 'wx' }));
  return '';
}
