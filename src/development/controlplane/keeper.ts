import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { seconds } from '../../lib/clock.ts';
import type { Clock } from '../../lib/clock.ts';
import { ControlPlaneStartError } from './errors.ts';
import { readKeeper } from './keeper-state.ts';
import type { KeeperState } from './keeper-state.ts';
import { isAlive } from './process-identity.ts';
import { endProcess } from './end-process.ts';
import { logTail } from './server-process.ts';

/** The keeper of the cluster in a directory, and the command line that runs it there in the foreground. */
interface KeeperCommand {
  readonly directory: string;
  readonly serves: boolean;
  readonly args: readonly string[];
  readonly environment: NodeJS.ProcessEnv;
  readonly clock: Clock;
  readonly progress: (line: string) => void;
}

/** MLServer, the agent and the manager end one after the other. */
const STOP_GRACE = seconds(45);
const POLL = seconds(0.1);
const READY_WITHIN = seconds(600);

/**
 * Leaves a keeper running that outlives this process, and resolves once it is ready. One that runs and does what is wanted is left
 * alone.
 * @throws ControlPlaneStartError with why it failed
 */
export async function startKeeper(command: KeeperCommand): Promise<void> {
  const { directory, serves, args, environment } = command;
  const before = await runningKeeper(directory);
  if (before?.phase === 'ready' && (before.serves || !serves)) {
    if (serves) command.progress(before.message);
    return;
  }
  await stopKeeper(directory);
  const logFile = keeperLog(directory);
  const log = await open(logFile, 'a', 0o600);
  try {
    const child = spawn(process.execPath, args, {
      ...{ detached: true, env: environment, cwd: directory, stdio: ['ignore', log.fd, log.fd] },
    });
    await once(child, 'spawn');
    child.unref();
    await becomeReady(command, child.pid ?? 0, () => child.exitCode !== null || child.signalCode !== null);
  } finally {
    await log.close();
  }
}

/** Ends the keeper and all that it runs; does nothing when there is none. */
export async function stopKeeper(directory: string): Promise<void> {
  const keeper = await runningKeeper(directory);
  if (keeper !== undefined) await endProcess(keeper.process, STOP_GRACE);
}

/** The keeper, if it is alive. */
async function runningKeeper(directory: string): Promise<KeeperState | undefined> {
  const keeper = await readKeeper(directory);
  return keeper !== undefined && (await isAlive(keeper.process)) ? keeper : undefined;
}

/** Where the keeper says what it does. */
function keeperLog(directory: string): string {
  return join(directory, 'keeper.log');
}

async function becomeReady(command: KeeperCommand, pid: number, hasEnded: () => boolean): Promise<void> {
  const { directory, serves, clock, progress } = command;
  const deadline = clock.monotonic() + READY_WITHIN;
  let said = '';
  for (;;) {
    const state = await readKeeper(directory);
    const isItsOwn = state?.process.pid === pid;
    if (isItsOwn && state.phase === 'ready') {
      if (serves) progress(state.message);
      return;
    }
    if (isItsOwn && state.phase === 'starting' && state.message !== said) progress((said = state.message));
    if (isItsOwn && state.phase === 'failed') throw new ControlPlaneStartError(state.message);
    if (hasEnded() || clock.monotonic() > deadline) {
      const log = keeperLog(directory);
      throw new ControlPlaneStartError(
        `it did not start; the end of its log, ${log}:\n${await logTail(log)}`,
      );
    }
    await clock.sleep(POLL);
  }
}
