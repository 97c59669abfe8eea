import { join } from 'node:path';
import { InvalidArgumentError } from 'commander';
import type { Command } from 'commander';
import { findBinaries } from '../controlplane/binaries.ts';
import { ClusterNotRunningError } from '../controlplane/errors.ts';
import { downCluster, readCluster, upCluster } from '../controlplane/named-cluster.ts';
import type { NamedCluster } from '../controlplane/named-cluster.ts';
import { binaryOptions, cacheDirectory } from './binary-options.ts';
import { commandName } from './command-name.ts';
import { newCommand } from './io.ts';
import type { CommandIo } from './io.ts';

interface NameOption {
  readonly name: string;
}

/** `mms cluster …`: a real control plane on this machine, without nodes, for trying and for tests. */
export function clusterCommand(io: CommandIo): Command {
  const cluster = newCommand('cluster', io).description(
    'a real etcd and kube-apiserver on this machine (no nodes: pods are created, not run)',
  );
  const withName = (name: string, description: string): Command =>
    cluster
      .command(name)
      .description(description)
      .option('--name <name>', 'which cluster, when you keep several', validName, 'default');

  withName('up', 'start it and leave it running').action((options: NameOption) => up(io, options));
  withName('down', 'stop it and remove its data').action((options: NameOption) => down(io, options));
  withName('env', 'print the line that points kubectl at it, for eval').action((options: NameOption) =>
    env(io, options),
  );
  withName('status', 'say whether it runs (exit code 0: yes, 1: no)').action((options: NameOption) =>
    status(io, options),
  );
  cluster
    .command('fetch')
    .description('find, download or build etcd and kube-apiserver, and print their directory')
    .action(() => fetchBinaries(io));
  return cluster;
}

async function up(io: CommandIo, { name }: NameOption): Promise<void> {
  const directory = directoryOf(io, name);
  const before = await readCluster(directory);
  if (before.phase === 'running') {
    io.stderr.write(`the cluster runs already: ${before.state.server}\n`);
    io.stdout.write(exportLine(before.kubeconfig));
    return;
  }
  const binaries = await findBinaries(binaryOptions(io.environment, progressTo(io)));
  io.stderr.write(`starting etcd and kube-apiserver from ${binaries.directory} (${binaries.source})\n`);
  const { kubeconfig, server, started } = await upCluster(directory, { binaries });
  io.stderr.write(`${started ? 'the cluster is up' : 'the cluster runs already'}: ${server}\n`);
  io.stderr.write(`stop it with: ${commandName(io.environment)} cluster down${nameFlag(name)}\n`);
  io.stdout.write(exportLine(kubeconfig));
}

async function down(io: CommandIo, { name }: NameOption): Promise<void> {
  const stopped = await downCluster(directoryOf(io, name));
  io.stderr.write(
    stopped ? 'the cluster is stopped and its data removed\n' : 'there was no cluster to stop\n',
  );
}

async function env(io: CommandIo, { name }: NameOption): Promise<void> {
  const { kubeconfig } = await requireRunning(io, name);
  io.stdout.write(exportLine(kubeconfig));
}

async function status(io: CommandIo, { name }: NameOption): Promise<void> {
  const { state, kubeconfig } = await requireRunning(io, name);
  io.stdout.write(
    `running: ${state.server}\nkubeconfig: ${kubeconfig}\n` +
      `processes: etcd ${state.etcd.pid}, kube-apiserver ${state.apiserver.pid}\n`,
  );
}

async function fetchBinaries(io: CommandIo): Promise<void> {
  const { directory, source } = await findBinaries(binaryOptions(io.environment, progressTo(io)));
  io.stderr.write(`etcd and kube-apiserver: ${directory} (${source})\n`);
  io.stdout.write(`${directory}\n`);
}

async function requireRunning(
  io: CommandIo,
  name: string,
): Promise<Extract<NamedCluster, { phase: 'running' }>> {
  const cluster = await readCluster(directoryOf(io, name));
  if (cluster.phase === 'running') return cluster;
  const what = cluster.phase === 'absent' ? 'is not running' : 'was not stopped properly and does not run';
  throw new ClusterNotRunningError(
    `the cluster ${what}; start it with: ${commandName(io.environment)} cluster up${nameFlag(name)}`,
  );
}

function directoryOf(io: CommandIo, name: string): string {
  return join(cacheDirectory(io.environment), 'cluster', name);
}

/** The name becomes a directory's. */
function validName(name: string): string {
  if (/^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$/.test(name)) return name;
  throw new InvalidArgumentError('Use up to 40 lower-case letters, digits and hyphens.');
}

function nameFlag(name: string): string {
  return name === 'default' ? '' : ` --name ${name}`;
}

function progressTo(io: CommandIo): (line: string) => void {
  return (line) => void io.stderr.write(`${line}\n`);
}

/** A line for `eval` in a POSIX shell. */
function exportLine(kubeconfig: string): string {
  const plain = /^[\w./@%+:=-]+$/.test(kubeconfig);
  return `export KUBECONFIG=${plain ? kubeconfig : `'${kubeconfig.replaceAll("'", `'\\''`)}'`}\n`;
}
