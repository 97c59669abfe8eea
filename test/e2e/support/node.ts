import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { binaryOptions } from '../../../src/cli/binary-options.ts';
import { findBinaries } from '../../../src/development/controlplane/binaries.ts';
import { startControlPlane } from '../../../src/development/controlplane/control-plane.ts';
import type { ControlPlane } from '../../../src/development/controlplane/control-plane.ts';
import { renderKubeconfig } from '../../../src/development/controlplane/kubeconfig.ts';
import type { TokenUser } from '../../../src/development/controlplane/layout.ts';
import type { Progress } from '../../../src/development/controlplane/progress.ts';
import { runProgram } from '../../../src/development/controlplane/run-program.ts';
import { eventually } from '../../support/eventually.ts';
import { NODE_ADDRESS, NODE_NAME, POD_RANGE } from './addresses.ts';
import { writeApiServerCertificate } from './api-server-certificate.ts';
import type { NodeAssets } from './assets.ts';
import { cniNetwork, containerdConfig } from './containerd-config.ts';
import { API_SERVER_FLAGS, componentUsers } from './control-plane-flags.ts';
import type { ComponentUsers } from './control-plane-flags.ts';
import { kubeletConfig } from './kubelet-config.ts';
import { servers } from './servers.ts';
import type { Servers } from './servers.ts';

/** A cluster of one node for the tests. */
export interface RealNode {
  readonly kubeconfig: string;
  readonly directory: string;
  readonly containerdSocket: string;
  stop(): Promise<void>;
}

interface Starting {
  readonly directory: string;
  readonly assets: NodeAssets;
  readonly progress: Progress;
  readonly servers: Servers;
  readonly controlPlane: ControlPlane;
  readonly users: ComponentUsers;
}

/** Starts everything in the namespaces of this process, and resolves once the node is Ready. */
export async function startNode(
  directory: string,
  assets: NodeAssets,
  progress: Progress,
): Promise<RealNode> {
  const binaries = await findBinaries(binaryOptions(process.env, progress));
  const users = componentUsers();
  const controlPlaneDirectory = join(directory, 'control-plane');
  await writeApiServerCertificate(controlPlaneDirectory);
  const controlPlane = await startControlPlane({
    binaries,
    directory: controlPlaneDirectory,
    users: Object.values(users) as TokenUser[],
    serviceAccountAdmission: true,
    apiServerFlags: API_SERVER_FLAGS,
  });
  const running = servers(directory);
  const node = { directory, assets, progress, servers: running, controlPlane, users };
  const stop = async (): Promise<void> => {
    await running.stop();
    await controlPlane.stop();
  };
  try {
    progress('kube-apiserver is ready; starting the controllers and containerd');
    await startControllers(node);
    const containerdSocket = await startContainerd(node);
    progress('loading the images into containerd');
    for (const image of assets.images) await importImage(containerdSocket, image);
    await startKubelet(node, containerdSocket);
    await becomeReady(node);
    progress('the node is Ready');
    return { kubeconfig: controlPlane.kubeconfigPath, directory, containerdSocket, stop };
  } catch (thrown) {
    await stop();
    throw thrown;
  }
}

async function startControllers(node: Starting): Promise<void> {
  const { controlPlane, users, directory } = node;
  const common = (kubeconfig: string): string[] => [
    `--kubeconfig=${kubeconfig}`,
    '--leader-elect=false',
    '--bind-address=127.0.0.1',
  ];
  await start(node, 'kube-controller-manager', [
    ...common(await kubeconfigOf(node, 'controller-manager', users.controllerManager)),
    `--service-account-private-key-file=${join(directory, 'control-plane', 'service-account.key')}`,
    `--root-ca-file=${controlPlane.caFile}`,
    '--use-service-account-credentials=true',
    `--cert-dir=${join(directory, 'controller-manager-certificates')}`,
  ]);
  await start(node, 'kube-scheduler', [
    ...common(await kubeconfigOf(node, 'scheduler', users.scheduler)),
    `--cert-dir=${join(directory, 'scheduler-certificates')}`,
  ]);
}

async function startContainerd({ directory, assets, servers: { start } }: Starting): Promise<string> {
  // A socket's path has to be short.
  const places = {
    root: join(directory, 'containerd'),
    state: '/run/containerd',
    socket: '/run/containerd/containerd.sock',
    cniPlugins: assets.cniPlugins,
    cniConfig: join(directory, 'cni'),
  };
  await mkdir(places.cniConfig);
  await writeFile(join(places.cniConfig, '10-ptp.conflist'), cniNetwork());
  const config = join(directory, 'containerd.toml');
  await writeFile(config, containerdConfig(places));
  await start('containerd', 'containerd', ['--config', config]);
  await eventually(() => ctr(places.socket, 'version'));
  return places.socket;
}

async function startKubelet(node: Starting, containerdSocket: string): Promise<void> {
  const { directory, assets, users } = node;
  const config = join(directory, 'kubelet.json');
  const podLogs = join(directory, 'pod-logs');
  await writeFile(config, kubeletConfig({ containerdSocket, cgroup: `/${assets.cgroup}`, podLogs }));
  await start(node, 'kubelet', [
    `--config=${config}`,
    `--kubeconfig=${await kubeconfigOf(node, 'kubelet', users.kubelet)}`,
    `--hostname-override=${NODE_NAME}`,
    `--node-ip=${NODE_ADDRESS}`,
    `--root-dir=${join(directory, 'kubelet')}`,
    `--cert-dir=${join(directory, 'kubelet-certificates')}`,
  ]);
  await start(node, 'kube-proxy', [
    `--kubeconfig=${await kubeconfigOf(node, 'proxy', users.proxy)}`,
    `--hostname-override=${NODE_NAME}`,
    '--proxy-mode=iptables',
    `--cluster-cidr=${POD_RANGE}`,
    // The limits of connection tracking belong to the machine, not to this node.
    '--conntrack-max-per-core=0',
    '--conntrack-tcp-timeout-established=0s',
    '--conntrack-tcp-timeout-close-wait=0s',
    '--oom-score-adj=0',
  ]);
}

async function start({ assets, servers: { start } }: Starting, name: string, args: readonly string[]) {
  await start(name, join(assets.nodePrograms, name), args);
}

async function becomeReady(node: Starting): Promise<void> {
  await eventually(
    async () => {
      await node.servers.requireAll();
      const answer = await kubectl(node, ['get', 'node', NODE_NAME, '-o', 'jsonpath={.status.conditions}']);
      const conditions = JSON.parse(answer) as { type: string; status: string; message: string }[];
      const ready = conditions.find(({ type }) => type === 'Ready');
      if (ready?.status !== 'True') throw new Error(`the node is not Ready: ${ready?.message ?? 'unknown'}`);
    },
    120_000,
    500,
  );
  // The controller that makes it works now, so pods can be created.
  await eventually(() => kubectl(node, ['get', 'serviceaccount', 'default']));
}

function kubectl({ assets, controlPlane }: Starting, args: readonly string[]): Promise<string> {
  return runProgram({
    command: assets.kubectl,
    args: ['--kubeconfig', controlPlane.kubeconfigPath, ...args],
  });
}

async function kubeconfigOf(
  { directory, controlPlane: { server, caFile } }: Starting,
  name: string,
  { token }: TokenUser,
): Promise<string> {
  const path = join(directory, `${name}.kubeconfig`);
  const ca = await readFile(caFile, 'utf8');
  await writeFile(path, renderKubeconfig({ name: 'kserve-mms', server, ca, token }), { mode: 0o600 });
  return path;
}

function importImage(socket: string, archive: string): Promise<string> {
  return ctr(socket, '-n', 'k8s.io', 'images', 'import', archive);
}

function ctr(socket: string, ...args: string[]): Promise<string> {
  return runProgram({ command: 'ctr', args: ['--address', socket, ...args] });
}
