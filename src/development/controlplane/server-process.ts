import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { open, readFile, rm, writeFile } from 'node:fs/promises';
import type { Milliseconds } from '../../lib/clock.ts';
import { messageOf } from '../../lib/errors.ts';
import { ControlPlaneStartError } from './errors.ts';

const LOG_TAIL_LINES = 25;

/** How a server is started. */
interface ServerCommand {
  readonly command: string;
  readonly args: readonly string[];
  /** Gets its standard output and error, appended. */
  readonly logFile: string;
  /** Holds the process number while the server runs. */
  readonly pidFile: string;
}

/** A server that was started by this process. */
export interface ServerProcess {
  readonly pid: number;
  /** How it ended, in words; undefined while it runs. */
  readonly ended: string | undefined;
  /** Ends it: SIGTERM, and SIGKILL after the grace (0: SIGKILL at once). Resolves once it is gone. */
  end(grace: Milliseconds): Promise<void>;
}

/**
 * Starts a server in a session of its own, so that Ctrl-C in a terminal reaches only the program that owns it.
 * @throws ControlPlaneStartError when it cannot be executed.
 */
export async function startServer(command: ServerCommand): Promise<ServerProcess> {
  const log = await open(command.logFile, 'a', 0o600);
  try {
    const child = spawn(command.command, command.args, {
      detached: true,
      stdio: ['ignore', log.fd, log.fd],
    });
    await once(child, 'spawn').catch((error: unknown) => {
      throw new ControlPlaneStartError(
        `cannot execute ${command.command}: ${messageOf(error)}; is it built for this machine?`,
        { cause: error },
      );
    });
    return await watch(child, command.pidFile);
  } finally {
    await log.close();
  }
}

async function watch(child: ChildProcess, pidFile: string): Promise<ServerProcess> {
  const pid = child.pid as number;
  let ended: string | undefined;
  const exited = new Promise<void>((resolve) => {
    child.once('exit', (code, signal) => {
      ended = signal === null ? `exit code ${code ?? '?'}` : signal;
      resolve();
    });
  }).then(() => rm(pidFile, { force: true }));
  // The program's own work decides how long it runs; a guard sees to the servers afterwards.
  child.unref();
  await writeFile(pidFile, String(pid));
  return {
    pid,
    get ended() {
      return ended;
    },
    end: async (grace) => {
      child.ref();
      const kill = setTimeout(() => child.kill('SIGKILL'), grace);
      if (grace > 0) child.kill('SIGTERM');
      await exited;
      clearTimeout(kill);
    },
  };
}

/** The last lines of a log, for an error message. */
export async function logTail(logFile: string): Promise<string> {
  const log = await readFile(logFile, 'utf8').catch(() => '(no log)');
  return log.trimEnd().split('\n').slice(-LOG_TAIL_LINES).join('\n');
}
