import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { withLock } from '../../src/development/controlplane/lock.ts';
import { messageOf } from '../../src/lib/errors.ts';
import type { Progress } from '../../src/development/controlplane/progress.ts';
import { runProgram } from '../../src/development/controlplane/run-program.ts';

/** `1` lets the tests install missing packages; `.ci/run` sets it. Otherwise a machine's packages are not changed. */
export const APT_INSTALL = 'KSERVE_MMS_APT_INSTALL';

/** True when the tests may install packages on this machine. */
export function mayInstall(environment: NodeJS.ProcessEnv): boolean {
  return environment[APT_INSTALL] === '1';
}

/**
 * Installs packages on Debian and its derivatives, if this is allowed. It depends on the network, so do not call it
 * within a test's timeout.
 *
 * @param purpose completes "… for": `a node on this machine`
 * @throws with the remedy
 */
export async function aptInstall(
  packages: readonly string[],
  purpose: string,
  environment: NodeJS.ProcessEnv,
  progress: Progress,
): Promise<void> {
  const needed = `the tests need ${packages.join(', ')} for ${purpose}`;
  if (!mayInstall(environment)) {
    throw new Error(
      `${needed}. Install what is missing, or set ${APT_INSTALL}=1 and run them as root: apt-get then installs it.`,
    );
  }
  progress(`installing with apt-get, for ${purpose}: ${packages.join(' ')}`);
  const env = { ...environment, DEBIAN_FRONTEND: 'noninteractive' };
  const run = (...args: string[]) => runProgram({ command: 'apt-get', args, environment: env });
  try {
    // apt-get does not wait for another apt-get; test workers may start several.
    const waiting = (): void => progress('waiting for another apt-get …');
    await withLock(join(tmpdir(), 'kserve-mms-apt-get.lock'), waiting, async () => {
      await run('update');
      await run('install', '-y', '--no-install-recommends', ...packages);
    });
  } catch (thrown) {
    throw new Error(
      `${needed}, and apt-get could not install them. ` +
        `Install them by your system's own means, then run the tests again. ${messageOf(thrown)}`,
      { cause: thrown },
    );
  }
}
