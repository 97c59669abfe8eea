import type { ChildProcess } from 'node:child_process';
import type { SourceSettings } from '../sources/settings.ts';
import type { FromPuller, ToPuller } from './messages.ts';

/** The parent's view of one child. */
export interface PullerProcess {
  readonly pid: number | undefined;
  /** Resolves when the process is gone. */
  readonly ended: Promise<void>;
  configured(settings: SourceSettings): PullerProcess;
  send(message: ToPuller): void;
  /** Lets it end, and kills it if it does not. */
  end(): void;
  kill(): void;
}

interface PullerEvents {
  readonly onMessage: (message: FromPuller) => void;
  /** Called once, however it ended. `how` is for people. */
  readonly onDeath: (process: PullerProcess, how: string) => Promise<void>;
}

/** The time a released child gets to close its connections. */
const END_GRACE_MS = 5_000;

/** Communicates with a puller's process. */
export function attachPuller(child: ChildProcess, { onMessage, onDeath }: PullerEvents): PullerProcess {
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
      // A dying child cannot receive messages. Its end settles the pending requests.
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
  // Messages may still arrive after the process has ended. The channel closes after the last of them.
  const channelClosed = new Promise<void>((closed) => child.once('disconnect', closed));
  child.once('exit', (code, signal) => {
    const how = signal === null ? `exit code ${code ?? '?'}` : signal;
    void (child.connected ? channelClosed : Promise.resolve()).then(() => die(how));
  });
  child.once('error', (error) => {
    child.kill('SIGKILL');
    die(`could not be started or reached: ${error.name}`);
  });
  const isGone = child.pid === undefined || child.exitCode !== null || child.signalCode !== null;
  if (isGone) queueMicrotask(() => die('it had ended before the first message'));
  return process;
}
