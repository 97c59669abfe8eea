import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Milliseconds } from '../../lib/clock.ts';
import { milliseconds, seconds } from '../../lib/clock.ts';
import { apiServerIsReady } from './api-server-health.ts';
import { ControlPlaneStartError } from './errors.ts';
import { guardDirectory } from './guard.ts';
import type { Guard } from './guard.ts';
import { renderKubeconfig } from './kubeconfig.ts';
import { layoutOf, prepareLayout } from './layout.ts';
import type { Layout, TokenUser } from './layout.ts';
import { freePorts, portIsFree } from './ports.ts';
import { apiServerFlags, etcdFlags } from './server-flags.ts';
import type { Ports } from './server-flags.ts';
import { logTail, startServer } from './server-process.ts';
import type { ServerProcess } from './server-process.ts';

const READY_POLL_MS = 50;
/** Seen: 2.5 s on an idle machine with two cores. */
const DEFAULT_READY_TIMEOUT = seconds(120);
const STOP_GRACE = seconds(10);
const PORT_ATTEMPTS = 3;

/** What startControlPlane starts, and where. */
export interface ControlPlaneOptions {
  readonly binaries: { readonly etcd: string; readonly kubeApiserver: string };
  /** Kept by stop(), data included. Absent: a temporary directory, which stop() removes. */
  readonly directory?: string;
  /** Users beside `admin`, who is in system:masters. */
  readonly users?: readonly TokenUser[];
  /** Keep the ServiceAccount admission plugin on (default: off, so that pods need no ServiceAccount). */
  readonly serviceAccountAdmission?: boolean;
  /** Further flags of kube-apiserver, such as `--watch-cache=false`. */
  readonly apiServerFlags?: readonly string[];
  readonly readyTimeout?: Milliseconds;
}

/** A running etcd and kube-apiserver on 127.0.0.1. */
export interface ControlPlane {
  readonly kubeconfigPath: string;
  /** https://127.0.0.1:PORT */
  readonly server: string;
  /** Of the user `admin`, in system:masters. */
  readonly token: string;
  readonly caFile: string;
  readonly directory: string;
  readonly pids: { readonly etcd: number; readonly apiserver: number };
  /** Ends both servers; a temporary directory is removed. Calling it again does nothing. */
  stop(): Promise<void>;
  /** SIGKILL; resolves once the process is gone. */
  killApiServer(): Promise<void>;
  /** Starts kube-apiserver again on the same port and data; resolves once it is ready. */
  startApiServer(): Promise<void>;
  /** Lets the servers outlive this process; without it they end with it, however it ends. */
  leaveRunning(): Promise<void>;
}

/** One attempt's servers, and what is needed to start, restart and end them. */
interface Running {
  readonly layout: Layout;
  readonly ports: Ports;
  readonly access: { readonly server: string; readonly token: string; readonly caFile: string };
  etcd?: ServerProcess;
  apiServer?: ServerProcess;
}

/**
 * Starts etcd and kube-apiserver and resolves once the API answers and the namespace `default` exists.
 * @throws ControlPlaneStartError with the end of the log of the server that failed; nothing is left running.
 */
export async function startControlPlane(options: ControlPlaneOptions): Promise<ControlPlane> {
  const temporary = options.directory === undefined;
  const directory = temporary ? await mkdtemp(join(tmpdir(), 'kserve-mms-')) : resolve(options.directory);
  const layout = layoutOf(directory);
  const token = await prepareLayout(layout, options.users ?? []);
  const guard = guardDirectory(directory, temporary ? 'temporary' : 'permanent');
  try {
    const running = await startOnFreePorts(options, layout, token);
    return controlPlaneOf(options, running, guard);
  } catch (error) {
    await cleanUp(temporary, directory, guard);
    throw error;
  }
}

function controlPlaneOf(options: ControlPlaneOptions, running: Running, guard: Guard): ControlPlane {
  const { layout, access } = running;
  const temporary = options.directory === undefined;
  return {
    ...access,
    kubeconfigPath: layout.kubeconfig,
    directory: layout.directory,
    get pids() {
      return { etcd: running.etcd?.pid ?? 0, apiserver: running.apiServer?.pid ?? 0 };
    },
    stop: async () => {
      // Data that is thrown away needs no orderly end.
      await endServers(running, temporary ? milliseconds(0) : STOP_GRACE);
      await cleanUp(temporary, layout.directory, guard);
    },
    killApiServer: async () => {
      await running.apiServer?.end(milliseconds(0));
    },
    startApiServer: async () => {
      if (running.apiServer !== undefined && running.apiServer.ended === undefined) return;
      await startApiServer(options, running);
    },
    leaveRunning: () => guard.dismiss(),
  };
}

/** A free port can be taken by someone else before the server has it; then others are tried. */
async function startOnFreePorts(
  options: ControlPlaneOptions,
  layout: Layout,
  token: string,
): Promise<Running> {
  for (let attempt = 1; ; attempt += 1) {
    const [etcdClient = 0, etcdPeer = 0, apiServer = 0] = await freePorts(3);
    const ports = { etcdClient, etcdPeer, apiServer };
    const access = { server: `https://127.0.0.1:${apiServer}`, token, caFile: layout.caFile };
    const running: Running = { layout, ports, access };
    try {
      await startServers(options, running);
      return running;
    } catch (error) {
      await endServers(running, milliseconds(0));
      const taken = (await Promise.all(Object.values(ports).map(portIsFree))).includes(false);
      if (!taken || attempt === PORT_ATTEMPTS) throw error;
    }
  }
}

async function startServers(options: ControlPlaneOptions, running: Running): Promise<void> {
  const { layout, ports, access } = running;
  running.etcd = await startServer({
    command: options.binaries.etcd,
    args: etcdFlags(layout, ports),
    logFile: layout.etcdLog,
    pidFile: layout.etcdPid,
  });
  await startApiServer(options, running);
  const ca = await readFile(layout.caFile, 'utf8');
  const kubeconfig = renderKubeconfig({ name: 'kserve-mms', ca, ...access });
  await writeFile(layout.kubeconfig, kubeconfig, { mode: 0o600 });
}

async function startApiServer(options: ControlPlaneOptions, running: Running): Promise<void> {
  const { layout, ports } = running;
  running.apiServer = await startServer({
    command: options.binaries.kubeApiserver,
    args: apiServerFlags(layout, ports, {
      serviceAccountAdmission: options.serviceAccountAdmission ?? false,
      apiServerFlags: options.apiServerFlags ?? [],
    }),
    logFile: layout.apiServerLog,
    pidFile: layout.apiServerPid,
  });
  await becomeReady(running, options.readyTimeout ?? DEFAULT_READY_TIMEOUT);
}

async function becomeReady(
  { layout, access, etcd, apiServer }: Running,
  timeout: Milliseconds,
): Promise<void> {
  const deadline = performance.now() + timeout;
  for (;;) {
    if (etcd?.ended !== undefined) throw await startError('etcd', etcd.ended, layout.etcdLog);
    if (apiServer?.ended !== undefined) {
      throw await startError('kube-apiserver', apiServer.ended, layout.apiServerLog);
    }
    if (await apiServerIsReady(access)) return;
    if (performance.now() > deadline) {
      throw await startError('kube-apiserver', `not ready after ${timeout / 1000} s`, layout.apiServerLog);
    }
    await sleep(READY_POLL_MS);
  }
}

async function startError(name: string, what: string, logFile: string): Promise<ControlPlaneStartError> {
  return new ControlPlaneStartError(
    `${name} did not start (${what}). The end of its log, ${logFile}:\n${await logTail(logFile)}`,
  );
}

async function endServers({ etcd, apiServer }: Running, grace: Milliseconds): Promise<void> {
  await apiServer?.end(grace);
  await etcd?.end(grace);
}

async function cleanUp(temporary: boolean, directory: string, guard: Guard): Promise<void> {
  if (temporary) await rm(directory, { recursive: true, force: true });
  await guard.dismiss();
}
