import type { Command } from 'commander';
import process from 'node:process';
import { withScopeFlags, withCluster } from './cluster-connection.ts';
import type { ScopeFlags, ClusterConnection } from './cluster-connection.ts';
import { newCommand } from './io.ts';
import type { CommandIo } from './io.ts';
import { DEFAULT_MANAGER_NAMESPACE } from './manager-namespace.ts';
import { outputOption, structured } from './output.ts';
import type { OutputFormat } from './output.ts';
import { runningImages } from './installed-versions.decide.ts';
import type { RunningImage } from './installed-versions.decide.ts';
import type { Lookup } from '../lib/lookup.ts';
import { CONTAINERS, INFERENCE_SERVICE_LABEL } from '../contract/names.ts';
import { PODS } from '../kube/resources.ts';
import { listObjects } from './cluster-snapshot.ts';
import { tryRead } from './try-read.ts';
import { packageVersion } from './version.ts';

interface VersionFlags extends ScopeFlags {
  readonly output: OutputFormat;
  readonly client?: boolean;
  readonly managerNamespace: string;
}

/** `mms version`: of this program, and of what runs in the cluster. */
export function versionCommand(io: CommandIo): Command {
  return withScopeFlags(newCommand('version', io))
    .description('say which version this is, and which images the manager and the agents in the cluster run')
    .option('--client', 'this program alone, without asking the cluster')
    .option('--manager-namespace <name>', 'where the manager runs', DEFAULT_MANAGER_NAMESPACE)
    .addOption(outputOption(['table', 'json', 'yaml']))
    .addHelpText(
      'after',
      `
Needs the right to list pods in the manager's namespace and in that of the agents. Exit code 1 when the cluster is not
reached, after what is known of this program.

Examples:
  mms version
  mms version -A -o json
  mms version --client`,
    )
    .action((flags: VersionFlags) => showVersion(io, flags));
}

/** Within a version fields are added, never removed or given another meaning. */
const DOCUMENT_VERSION = 'kserve-mms/version.v1';
/** As manifests/manager labels its pods. */
const MANAGER_PODS = 'app.kubernetes.io/name=kserve-mms-manager';

type Images = Lookup<readonly RunningImage[]>;

/**
 * Prints the version of this program, then what the cluster runs.
 *
 * @throws KubeconfigError and ApiError after the former, when there is no cluster to ask
 */
async function showVersion(io: CommandIo, flags: VersionFlags): Promise<void> {
  const client = {
    version: packageVersion(),
    node: process.version,
    platform: `${process.platform}/${process.arch}`,
  };
  const format = flags.output;
  const print = (found?: { readonly manager: Images; readonly agents: Images }): void => {
    const document = {
      ...{ version: DOCUMENT_VERSION, client },
      ...(found && { manager: documentOf(found.manager), agents: documentOf(found.agents) }),
    };
    if (format !== 'table') io.stdout.write(structured(document, format === 'yaml' ? 'yaml' : 'json'));
    else if (found !== undefined)
      io.stdout.write(`manager: ${inWords(found.manager)}\nagents: ${inWords(found.agents)}\n`);
  };
  if (format === 'table')
    io.stdout.write(`client: ${client.version} (Node ${client.node}, ${client.platform})\n`);
  if (flags.client === true) {
    print();
    return;
  }
  try {
    print(await withCluster(flags, (cluster) => imagesIn(cluster, flags.managerNamespace)));
  } catch (thrown) {
    if (format !== 'table') print();
    throw thrown;
  }
}

async function imagesIn(
  { client, scope }: ClusterConnection,
  managerNamespace: string,
): Promise<{ readonly manager: Images; readonly agents: Images }> {
  const managers = await tryRead(listObjects(client, PODS, managerNamespace, MANAGER_PODS));
  const predictors = await tryRead(listObjects(client, PODS, scope, INFERENCE_SERVICE_LABEL));
  return {
    manager: managers.kind === 'known' ? { ...managers, value: runningImages(managers.value) } : managers,
    agents:
      predictors.kind === 'known'
        ? { ...predictors, value: runningImages(predictors.value, CONTAINERS.agent) }
        : predictors,
  };
}

function documentOf(images: Images): object {
  return images.kind === 'known' ? { images: images.value } : { images: null, why: images.why };
}

function inWords(images: Images): string {
  if (images.kind === 'unreadable') return `not known: ${images.why}`;
  if (images.value.length === 0) return 'none';
  return images.value
    .map(({ image, pods, ready }) => `${image} (${ready} of ${pods} ${pods === 1 ? 'pod' : 'pods'} ready)`)
    .join(', ');
}
