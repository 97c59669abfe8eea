import { spawn } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { seconds } from '../../lib/clock.ts';
import type { Clock } from '../../lib/clock.ts';
import { MmsError } from '../../lib/errors.ts';

/** A server in a process of its own, as a container would run it. */
export interface ServerChild {
  /** Resolves with how it ended, once it has. */
  readonly ended: Promise<string>;
  stop(): Promise<void>;
}

export interface ServerChildOptions {
  /** For messages: `the manager`. */
  readonly what: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly environment?: NodeJS.ProcessEnv;
  readonly cwd?: string;
  /** Where its output goes. */
  readonly logFile: string;
  /** Answers 200 once it is ready; given the headers of a probe. */
  readonly readyUrl: string;
  readonly readyHeaders?: Readonly<Record<string, string>>;
  readonly clock: Clock;
  /** Holds the process number while it runs, for a guard. */
  readonly pidFile?: string;
  /** Go on in the log that is there. */
  readonly appendLog?: boolean;
  /** Ctrl-C in a terminal does not reach it: it ends when it is stopped. */
  readonly ownGroup?: boolean;
  /** Aborting it ends the start. */
  readonly signal?: AbortSignal;
}

/** It ended, or never became ready. */
class ServerStartError extends MmsError {
  readonly code = 'SERVER_START';
  readonly retryable = false;
}

const READY_WITHIN = seconds(120);
const POLL = seconds(0.1);
const STOP_WITHIN = seconds(30);

/** Starts it and resolves once it is ready. @throws ServerStartError naming its log; nothing is left running */
export async function startServerChild(options: ServerChildOptions): Promise<ServerChild> {
  const { what, clock, logFile } = options;
  const child = spawn(options.command, options.args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: options.ownGroup === true,
    ...(options.environment === undefined ? {} : { env: options.environment }),
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
  });
  const log = createWriteStream(logFile, { flags: options.appendLog === true ? 'a' : 'w' });
  child.stdout.pipe(log, { end: false });
  child.stderr.pipe(log, { end: false });
  let failure: Error | undefined;
  const ended = new Promise<string>((resolve) => {
    child.once('error', (error) => {
      failure = error;
      resolve(error.message);
    });
    child.once('exit', (code, signal) => resolve(signal ?? `exit code ${String(code)}`));
  });
  const hasEnded = (): boolean =>
    failure !== undefined || child.exitCode !== null || child.signalCode !== null;
  if (options.pidFile !== undefined && child.pid !== undefined) {
    await writeFile(options.pidFile, String(child.pid));
  }

  async function stop(): Promise<void> {
    if (hasEnded()) return;
    child.kill('SIGTERM');
    const timer = new AbortController();
    await Promise.race([ended, clock.sleep(STOP_WITHIN, timer.signal)]);
    timer.abort();
    if (!hasEnded()) child.kill('SIGKILL');
    await ended;
    if (options.pidFile !== undefined) await rm(options.pidFile, { force: true });
  }

  const deadline = clock.monotonic() + READY_WITHIN;
  while (!(await answersOk(options))) {
    if (hasEnded())
      throw new ServerStartError(`${what} ended at once; its log is ${logFile}`, { cause: failure });
    if (options.signal?.aborted === true) {
      await stop();
      throw new ServerStartError(`${what} was stopped while it started`);
    }
    if (clock.monotonic() > deadline) {
      await stop();
      throw new ServerStartError(
        `${what} was not ready after ${READY_WITHIN / 1000} s; its log is ${logFile}`,
      );
    }
    await clock.sleep(POLL);
  }
  return { ended, stop };
}

async function answersOk({ readyUrl, readyHeaders = {} }: ServerChildOptions): Promise<boolean> {
  try {
    return (await fetch(readyUrl, { headers: readyHeaders, signal: AbortSignal.timeout(2000) })).ok;
  } catch {
    return false;
  }
}
