/**
 * Runs the end-to-end tests from outside: gets what a node consists of, runs inside.ts in new namespaces, and cleans
 * up. The arguments are jest's. The node ends with this process, however it ends.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { constants, tmpdir } from 'node:os';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { guardDirectory } from '../../../src/development/controlplane/guard.ts';
import { messageOf } from '../../../src/lib/errors.ts';
import { runProgram } from '../../../src/development/controlplane/run-program.ts';
import { cgroupName, makeCgroups, removeAbandonedCgroups, removeCgroups } from './cgroups.ts';
import { gatherAssets } from './gather-assets.ts';
import { makePrivateDirectories } from './node-namespace.ts';

const inside = fileURLToPath(new URL('inside.ts', import.meta.url));
/** The namespaces of a node. Everything in them ends with their first process, and nothing remains. */
const NAMESPACES = ['--net', '--mount', '--ipc', '--pid', '--fork', '--kill-child', '--mount-proc'];

const progress = (line: string): void => void process.stderr.write(`[e2e] ${line}\n`);

async function main(): Promise<number> {
  await requireNamespaces();
  await removeAbandonedCgroups();
  const cgroup = cgroupName(process.pid);
  const assets = { ...(await gatherAssets(process.env, progress)), cgroup };
  const directory = await mkdtemp(join(tmpdir(), 'kserve-mms-e2e-'));
  const guard = guardDirectory(directory, 'temporary');
  const removePrivateDirectories = await makePrivateDirectories();
  try {
    await makeCgroups(cgroup);
    const assetsFile = join(directory, 'assets.json');
    await writeFile(assetsFile, JSON.stringify(assets));
    return await runInside(directory, [assetsFile, ...process.argv.slice(2)]);
  } finally {
    await removePrivateDirectories();
    await removeCgroups(cgroup);
    await rm(directory, { recursive: true, force: true });
    await guard.dismiss();
  }
}

async function runInside(directory: string, args: readonly string[]): Promise<number> {
  const child = spawn('unshare', [...NAMESPACES, process.execPath, inside, directory, ...args], {
    stdio: 'inherit',
  });
  // The guard uses this to end the node when this process is killed.
  await writeFile(join(directory, 'namespaces.pid'), String(child.pid));
  const end = (): void => void child.kill('SIGKILL');
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, end);
  const [code, signal] = (await once(child, 'exit')) as [number | null, NodeJS.Signals | null];
  await rm(join(directory, 'namespaces.pid'));
  return code ?? 128 + (signal === null ? 0 : constants.signals[signal]);
}

/** In an unprivileged container, root is not enough. Fails early, before anything is built. */
async function requireNamespaces(): Promise<void> {
  try {
    await runProgram({ command: 'unshare', args: [...NAMESPACES, 'true'] });
  } catch (thrown) {
    throw new Error(
      'the end-to-end tests run a node in namespaces of its own, which this system does not let root make: ' +
        `${messageOf(thrown)}\nRun them in a virtual machine, or in a privileged container.`,
      { cause: thrown },
    );
  }
}

try {
  process.exitCode = await main();
} catch (thrown) {
  process.stderr.write(`error: ${messageOf(thrown)}\n`);
  process.exitCode = 1;
}
