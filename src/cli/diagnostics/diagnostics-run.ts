import { stringify } from 'yaml';
import { MmsError } from '../../lib/errors.ts';
import { systemClock } from '../../lib/system-clock.ts';
import { withCluster } from '../cluster-connection.ts';
import { refuseExisting, writeArchive } from './diagnostics-archive.ts';
import { gatherDiagnostics } from './diagnostics-gather.ts';
import type { DiagnosticsFlags } from './diagnostics.ts';
import type { CommandIo } from '../io.ts';
import { packageVersion } from '../version.ts';

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
export async function writeDiagnostics(io: CommandIo, flags: DiagnosticsFlags): Promise<void> {
  const now = systemClock.now();
  const date = new Date(now).toISOString();
  const file = flags.file ?? `mms-diagnostics-${date.slice(0, 19).replace(/[:T]/g, '-')}.tar.gz`;
  const force = flags.force === true;
  if (!force) await refuseExisting(file);
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
