import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { SourceSettings } from '../sources/settings.ts';
import type { Environment } from '../sources/source.ts';
import type { FromPuller, ToPuller } from './messages.ts';

/** The parent's view of one child. */
export interface PullerProcess {
  readonly pid: number | undefined;
  /** Resolves when the process is gone. */
  readonly ended: Promise<void>;
  configured(settings: SourceSettings): PullerProcess;
  send(message: ToPuller): void;
  /** Lets it end by itself; killed when it does not. */
  end(): void;
  kill(): void;
}

export interface PullerEvents {
  readonly onMessage: (message: FromPuller) => void;
  /** Told once, however it ended. `how` is for people. */
  readonly onDeath: (process: PullerProcess, how: string) => Promise<void>;
}

/** JavaScript objects of a pull are few; bytes live outside this heap. */
const HEAP_MIB = 96;
/** A child that has been let go gets this long for its connections. */
const END_GRACE_MS = 5_000;

/** Starts the puller's process with exactly this environment. */
export function forkPuller(
  entry: URL,
  env: Environment,
  { onMessage, onDeath }: PullerEvents,
): PullerProcess {
  const child = fork(fileURLToPath(entry), [], {
    // glibc keeps an arena per thread and gives little back by itself: some 10 MiB at the peak of four large downloads.
    env: { MALLOC_ARENA_MAX: '2', MALLOC_TRIM_THRESHOLD_: '65536', ...env },
    execArgv: [
      `--max-old-space-size=${HEAP_MIB}`,
      '--max-semi-space-size=2',
      '--disable-warning=ExperimentalWarning',
    ],
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  const { promise: ended, resolve } = Promise.withResolvers<undefined>();
  let dead = false;
  const die = (how: string): void => {
    if (dead) return;
    dead = true;
    void onDeath(process, how).finally(() => resolve(undefined));
  };
  const process: PullerProcess = {
    pid: child.pid,
    ended,
    configured: (settings) => {
      process.send({ type: 'configure', settings });
      return process;
    },
    send: (message) => {
      // A child that is just dying cannot be told; its death settles what was asked of it.
      if (child.connected) child.send(message, () => undefined);
    },
    end: () => {
      if (child.connected) child.disconnect();
      const killer = setTimeout(() => child.kill('SIGKILL'), END_GRACE_MS).unref();
      child.once('exit', () => clearTimeout(killer));
    },
    kill: () => void child.kill('SIGKILL'),
  };
  child.on('message', (message) => onMessage(message as FromPuller));
  // Messages may still be on their way when the process has ended; the channel closes after the last of them.
  const channelClosed = new Promise<void>((closed) => child.once('disconnect', closed));
  child.once('exit', (code, signal) => {
    const how = signal === null ? `exit code ${code ?? '?'}` : signal;
    void (child.connected ? channelClosed : Promise.resolve()).then(() => die(how));
  });
  child.once('error', (error) => {
    child.kill('SIGKILL');
    die(`could not be started or told: ${error.name}`);
  });
  return process;
}
