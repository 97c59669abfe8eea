import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { constants, tmpdir } from 'node:os';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { guardDirectory } from '../../../src/development/controlplane/guard.ts';
import { messageOf, MmsError } from '../../../src/lib/errors.ts';
import { runProgram } from '../../../src/development/controlplane/run-program.ts';
import type { NodeAssets } from './assets.ts';
import { cgroupName, makeCgroups, removeAbandonedCgroups, removeCgroups } from './cgroups.ts';
import { gatherAssets } from './gather-assets.ts';
import { makePrivateDirectories } from './node-namespace.ts';

const inside = fileURLToPath(new URL('inside.ts', import.meta.url));
/** Of a node: everything in them ends when the first process in them does, and they leave nothing behind. */
const NAMESPACES = ['--net', '--mount', '--ipc', '--pid', '--fork', '--kill-child', '--mount-proc'];
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

const progress = (line: string): void => void process.stderr.write(`[e2e] ${line}\n`);

/** This machine cannot run a node, or does not have what a node is made of. */
export class NoNodeError extends MmsError {
  readonly code = 'NO_NODE';
  readonly retryable = false;
}

/**
 * Gets what a node is made of, runs inside.ts in namespaces of its own, and cleans up behind it. However this process ends,
 * the node ends with it.
 *
 * @param args of inside.ts: which program runs on the node
 * @returns the program's exit code
 * @throws NoNodeError before anything was started
 */
export async function runOnNode(args: readonly string[]): Promise<number> {
  await requireNamespaces();
  await removeAbandonedCgroups();
  const cgroup = cgroupName(process.pid);
  const assets = { ...(await gathered()), cgroup };
  const directory = await mkdtemp(join(tmpdir(), 'kserve-mms-e2e-'));
  const guard = guardDirectory(directory, 'temporary');
  const removePrivateDirectories = await makePrivateDirectories();
  try {
    await makeCgroups(cgroup);
    const assetsFile = join(directory, 'assets.json');
    await writeFile(assetsFile, JSON.stringify(assets));
    return await runInside(directory, [assetsFile, ...args]);
  } finally {
    await removePrivateDirectories();
    await removeCgroups(cgroup);
    await rm(directory, { recursive: true, force: true });
    await guard.dismiss();
  }
}

async function gathered(): Promise<Omit<NodeAssets, 'cgroup'>> {
  try {
    return await gatherAssets(process.env, progress);
  } catch (thrown) {
    throw new NoNodeError(messageOf(thrown), { cause: thrown });
  }
}

async function runInside(directory: string, args: readonly string[]): Promise<number> {
  const child = spawn('unshare', [...NAMESPACES, process.execPath, inside, directory, ...args], {
    stdio: 'inherit',
  });
  // By this the guard ends it when this process is killed.
  await writeFile(join(directory, 'namespaces.pid'), String(child.pid));
  const end = (): void => void child.kill('SIGKILL');
  for (const signal of SIGNALS) process.once(signal, end);
  const [code, signal] = (await once(child, 'exit')) as [number | null, NodeJS.Signals | null];
  for (const each of SIGNALS) process.off(each, end);
  await rm(join(directory, 'namespaces.pid'));
  return code ?? 128 + (signal === null ? 0 : constants.signals[signal]);
}

/** In a container without rights of its own, root is not enough; better said before anything is built. */
async function requireNamespaces(): Promise<void> {
  if (process.platform !== 'linux') throw new NoNodeError(`a node runs on Linux, not on ${process.platform}`);
  if (process.getuid?.() !== 0) {
    throw new NoNodeError('a node starts a kubelet and containers, for which this process has to be root');
  }
  try {
    await runProgram({ command: 'unshare', args: [...NAMESPACES, 'true'] });
  } catch (thrown) {
    throw new NoNodeError(
      'a node runs in namespaces of its own, which this system does not let root make: ' +
        `${messageOf(thrown)}\nUse a virtual machine, or a privileged container.`,
      { cause: thrown },
    );
  }
}
