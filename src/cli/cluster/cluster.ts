import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { InvalidArgumentError } from 'commander';
import type { Command } from 'commander';
import { findBinaries } from '../../development/controlplane/binaries.ts';
import { ClusterNotRunningError } from '../../development/controlplane/errors.ts';
import { startKeeper } from '../../development/controlplane/keeper.ts';
import { downCluster, readCluster, upCluster } from '../../development/controlplane/named-cluster.ts';
import type { NamedCluster } from '../../development/controlplane/named-cluster.ts';
import { packageFile } from '../../lib/package-files.ts';
import { systemClock } from '../../lib/system-clock.ts';
import { binaryOptions, cacheDirectory } from '../binary-options.ts';
import { commandName } from '../command-name.ts';
import { newCommand } from '../io.ts';
import type { CommandIo } from '../io.ts';

interface NameOption {
  readonly name: string;
}

interface ServeOption extends NameOption {
  readonly serve: boolean;
}

const LAUNCHER = fileURLToPath(packageFile('bin/mms.js'));

const UP_HELP = `
Without --serve there are no nodes: pods are created, and not run.

With it the manager runs here and makes a predictor of each InferenceService whose format MLServer has, and the predictor's MLServer
and agent run as processes of yours. The agent listens at an address of this machine, not at the loopback, to which API servers pass
no requests on: anyone who reaches that address can call the models. Three models are trained and loaded into the InferenceService
classifiers in the namespace default: iris, wine, cancer. It takes Python 3 with pip, and where MLServer is to be installed, some
half a gigabyte. Images are not run, so no other model server is.

Example:
  eval "$(mms cluster up --serve)"
  mms status --models`;

/** `mms cluster …`: a real control plane on this machine, without nodes, for trying and for tests. */
export function clusterCommand(io: CommandIo): Command {
  const cluster = newCommand('cluster', io).description(
    'a real etcd and kube-apiserver on this machine, and with --serve models that answer',
  );
  const withName = (name: string, description: string): Command =>
    cluster
      .command(name)
      .description(description)
      .option('--name <name>', 'which cluster, when you keep several', validName, 'default');

  withName('up', 'start it and leave it running')
    .option(
      '--serve',
      'have the manager, MLServer and the agent run here, too, with models that answer',
      false,
    )
    .addHelpText('after', UP_HELP)
    .action((options: ServeOption) => up(io, options));
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
  // What `up` leaves running beside the two servers; for no person to call.
  cluster
    .command('keep', { hidden: true })
    .option('--name <name>', 'which cluster', validName, 'default')
    .option('--serve', 'serve models', false)
    .action(async ({ name, serve }: ServeOption) => {
      const { keepCluster } = await import('./keep-cluster.ts');
      await keepCluster(io, { directory: directoryOf(io, name), serve, launcher: LAUNCHER });
    });
  return cluster;
}

async function up(io: CommandIo, { name, serve }: ServeOption): Promise<void> {
  const directory = directoryOf(io, name);
  const before = await readCluster(directory);
  const kubeconfig = before.phase === 'running' ? before.kubeconfig : await startServers(io, directory);
  if (before.phase === 'running') io.stderr.write(`the cluster runs already: ${before.state.server}\n`);
  await startKeeper({
    ...{
      directory,
      serves: serve,
      environment: io.environment,
      clock: systemClock,
      progress: progressTo(io),
    },
    args: [LAUNCHER, 'cluster', 'keep', '--name', name, ...(serve ? ['--serve'] : [])],
  });
  const mms = commandName(io.environment);
  if (serve) io.stderr.write(servingHint(mms));
  io.stderr.write(`stop it with: ${mms} cluster down${nameFlag(name)}\n`);
  io.stdout.write(exportLine(kubeconfig));
}

async function startServers(io: CommandIo, directory: string): Promise<string> {
  const binaries = await findBinaries(binaryOptions(io.environment, progressTo(io)));
  io.stderr.write(`starting etcd and kube-apiserver from ${binaries.directory} (${binaries.source})\n`);
  const { kubeconfig, server, started } = await upCluster(directory, { binaries });
  io.stderr.write(`${started ? 'the cluster is up' : 'the cluster runs already'}: ${server}\n`);
  return kubeconfig;
}

function servingHint(mms: string): string {
  return `with the line below in your shell, ask one:
  ${mms} infer iris -d '{"inputs":[{"name":"x","shape":[1,4],"datatype":"FP64","data":[5.1,3.5,1.4,0.2]}]}'
`;
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
