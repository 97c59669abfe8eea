import type { Command } from 'commander';
import { stringify } from 'yaml';
import { withScopeFlags, withCluster } from '../cluster-connection.ts';
import type { ScopeFlags } from '../cluster-connection.ts';
import { newCommand } from '../io.ts';
import type { CommandIo } from '../io.ts';
import { DEFAULT_MANAGER_NAMESPACE } from '../manager-namespace.ts';
import { MmsError } from '../../lib/errors.ts';
import { systemClock } from '../../lib/system-clock.ts';
import { refuseUnwritable, writeArchive } from './diagnostics-archive.ts';
import { gatherDiagnostics } from './diagnostics-gather.ts';
import { packageVersion } from '../version.ts';

interface DiagnosticsFlags extends ScopeFlags {
  /** Absent: a name with the date, in the working directory. */
  readonly file?: string;
  readonly force?: boolean;
  readonly managerNamespace: string;
}

/** `mms diagnostics`: what a helper needs, in one archive. */
export function diagnosticsCommand(io: CommandIo): Command {
  return withScopeFlags(newCommand('diagnostics', io))
    .description('collect what others need to help you into one archive, without secrets')
    .option('--file <path>', 'where to write it (default: mms-diagnostics-<date>.tar.gz here)')
    .option('--force', 'write over a file that is there')
    .option('--manager-namespace <name>', 'the namespace the manager runs in', DEFAULT_MANAGER_NAMESPACE)
    .addHelpText(
      'after',
      `
In it: InferenceServices, TrainedModels, their ConfigMaps, predictor pods and events of the namespace (-A: of all), the manager's
Deployment, pods, Lease and logs, both webhook configurations, and what each agent says of its models. What could not
be had is listed in missing.txt, with the reason.

Secrets are not read. Left out are the values of environment variables, annotations, headers and arguments, but for those of the
manager and the agent, and users, passwords and queries of all URIs. Look through it before you publish it.

Examples:
  mms diagnostics -n models
  mms diagnostics -A --file report.tar.gz`,
    )
    .action((flags: DiagnosticsFlags) => writeDiagnostics(io, flags));
}

/** The archive would hold nothing: the API server is not reached, or does not know this user. */
class NothingGatheredError extends MmsError {
  readonly code = 'NOTHING_GATHERED';
  readonly retryable = true;
}

/**
 * Gathers and writes the archive, and prints its path.
 *
 * @throws {NothingGatheredError}; {ArchiveFileError} when it cannot be written; {KubeconfigError} when there is no cluster to ask
 */
async function writeDiagnostics(io: CommandIo, flags: DiagnosticsFlags): Promise<void> {
  const now = systemClock.now();
  const date = new Date(now).toISOString();
  const file = flags.file ?? `mms-diagnostics-${date.slice(0, 19).replace(/[:T]/g, '-')}.tar.gz`;
  const force = flags.force === true;
  await refuseUnwritable(file, force);
  await withCluster(flags, async (cluster) => {
    io.stderr.write('gathering …\n');
    const {
      kubernetes = 'unknown',
      files,
      missing,
    } = await gatherDiagnostics(cluster, flags.managerNamespace);
    if (files.size === 0 && kubernetes === 'unknown')
      throw new NothingGatheredError(
        `nothing could be had, not even ${missing[0] ?? 'the version of Kubernetes'}`,
      );
    const about = {
      ...{ mms: packageVersion(), date, namespace: cluster.scope ?? 'all' },
      ...{ managerNamespace: flags.managerNamespace, kubernetes, node: process.version },
    };
    const contents = new Map([
      ['about.yaml', stringify(about)],
      ['missing.txt', missing.map((line) => `${line}\n`).join('')],
      ...files,
    ]);
    await writeArchive(file, contents, { now, force });
    for (const line of missing) io.stderr.write(`not had: ${line}\n`);
    io.stderr.write('look through it before you publish it: names, messages and logs are in it\n');
    io.stdout.write(`${file}\n`);
  });
}
