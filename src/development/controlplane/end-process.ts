import { setTimeout as sleep } from 'node:timers/promises';
import type { Milliseconds } from '../../lib/clock.ts';
import { isAlive } from './process-identity.ts';
import type { ProcessIdentity } from './process-identity.ts';

const POLL_MS = 50;

/** Ends a process that need not be a child of this one, and never another that got its number. */
export async function endProcess(identity: ProcessIdentity, grace: Milliseconds): Promise<void> {
  const deadline = performance.now() + grace;
  let signal: NodeJS.Signals = 'SIGTERM';
  if (await isAlive(identity)) process.kill(identity.pid, signal);
  while (await isAlive(identity)) {
    if (performance.now() > deadline && signal !== 'SIGKILL') {
      signal = 'SIGKILL';
      process.kill(identity.pid, signal);
    }
    await sleep(POLL_MS);
  }
}
