import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { seconds } from '../../lib/clock.ts';
import { startControlPlane } from './control-plane.ts';
import type { ControlPlaneOptions } from './control-plane.ts';
import { endProcess } from './end-process.ts';
import { ControlPlaneStartError } from './errors.ts';
import { stopKeeper } from './keeper.ts';
import { layoutOf } from './layout.ts';
import { withLock } from './lock.ts';
import { identifyProcess, isAlive } from './process-identity.ts';
import type { ProcessIdentity } from './process-identity.ts';

const STOP_GRACE = seconds(10);

/** What is written down about a control plane that outlives the command which started it. */
interface ClusterState {
  readonly server: string;
  readonly etcd: ProcessIdentity;
  readonly apiserver: ProcessIdentity;
}

/** A control plane of the user's, by the directory that holds it. */
export type NamedCluster =
  | { readonly phase: 'absent' }
  /** Not all of it runs: the machine was restarted, or a process was killed. */
  | { readonly phase: 'broken'; readonly state: ClusterState }
  | { readonly phase: 'running'; readonly state: ClusterState; readonly kubeconfig: string };

/** Looks at the cluster in the directory; changes nothing. */
export async function readCluster(directory: string): Promise<NamedCluster> {
  const text = await readFile(stateFile(directory), 'utf8').catch(() => undefined);
  const state = text === undefined ? undefined : parseState(text);
  if (state === undefined) return { phase: 'absent' };
  const alive = (await isAlive(state.etcd)) && (await isAlive(state.apiserver));
  return alive
    ? { phase: 'running', state, kubeconfig: layoutOf(directory).kubeconfig }
    : { phase: 'broken', state };
}

/**
 * Leaves a control plane running that outlives this process; one that runs already is left as it is. Data of one
 * that was not stopped properly is kept.
 * @throws ControlPlaneStartError
 */
export async function upCluster(
  directory: string,
  options: Omit<ControlPlaneOptions, 'directory'>,
): Promise<{ readonly kubeconfig: string; readonly server: string; readonly started: boolean }> {
  return withClusterLock(directory, async () => {
    const found = await readCluster(directory);
    if (found.phase === 'running') {
      return { kubeconfig: found.kubeconfig, server: found.state.server, started: false };
    }
    if (found.phase === 'broken') {
      await stopKeeper(directory);
      await endAll(found.state);
    }
    const controlPlane = await startControlPlane({ ...options, directory });
    await writeState(directory, controlPlane.server, controlPlane.pids);
    await controlPlane.leaveRunning();
    return { kubeconfig: controlPlane.kubeconfigPath, server: controlPlane.server, started: true };
  });
}

/** Ends the cluster's processes and removes its data. False when there was nothing. */
export async function downCluster(directory: string): Promise<boolean> {
  return withClusterLock(directory, async () => {
    const found = await readCluster(directory);
    await stopKeeper(directory);
    if (found.phase !== 'absent') await endAll(found.state);
    await rm(directory, { recursive: true, force: true });
    return found.phase !== 'absent';
  });
}

async function withClusterLock<T>(directory: string, work: () => Promise<T>): Promise<T> {
  await mkdir(dirname(directory), { recursive: true });
  return withLock(`${directory}.lock`, () => undefined, work);
}

function stateFile(directory: string): string {
  return join(directory, 'state.json');
}

async function writeState(
  directory: string,
  server: string,
  pids: { readonly etcd: number; readonly apiserver: number },
): Promise<void> {
  const [etcd, apiserver] = await Promise.all([identifyProcess(pids.etcd), identifyProcess(pids.apiserver)]);
  if (etcd === undefined || apiserver === undefined) {
    throw new ControlPlaneStartError(
      `etcd or kube-apiserver ended just after its start; see ${directory}/*.log`,
    );
  }
  const temporary = `${stateFile(directory)}.new`;
  await writeFile(temporary, JSON.stringify({ server, etcd, apiserver } satisfies ClusterState));
  await rename(temporary, stateFile(directory));
}

function parseState(text: string): ClusterState | undefined {
  try {
    const { server, etcd, apiserver } = JSON.parse(text) as Partial<ClusterState>;
    return typeof server === 'string' && isIdentity(etcd) && isIdentity(apiserver)
      ? { server, etcd, apiserver }
      : undefined;
  } catch {
    return undefined;
  }
}

function isIdentity(value: Partial<ProcessIdentity> | null | undefined): value is ProcessIdentity {
  return typeof value?.pid === 'number' && typeof value.startTime === 'string';
}

async function endAll({ etcd, apiserver }: ClusterState): Promise<void> {
  await endProcess(apiserver, STOP_GRACE);
  await endProcess(etcd, STOP_GRACE);
}
