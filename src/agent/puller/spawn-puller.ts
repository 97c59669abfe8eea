import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { ALLOCATOR } from './allocator.decide.ts';
import type { Environment } from '../sources/environment.ts';

/** JavaScript objects of a pull are few; bytes live outside this heap. */
const HEAP_MIB = 96;

/**
 * Starts a puller's process, with exactly this environment, for the caller to attach to. If it is not configured, it
 * exits. This module imports nothing slow, so that an agent can start the process before it has loaded itself.
 * @param entry puller-main.ts, or the bundle made of it.
 * @param env passes the credentials to the process.
 */
export function spawnPuller(entry: URL, env: Environment): ChildProcess {
  const child = fork(fileURLToPath(entry), [], {
    env: { ...ALLOCATOR, ...env },
    execArgv: [
      `--max-old-space-size=${HEAP_MIB}`,
      '--max-semi-space-size=2',
      '--disable-warning=ExperimentalWarning',
    ],
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  // The code that attaches notices that there is no process. Until then, ignore the error.
  return child.on('error', () => undefined);
}
