import type { Check } from './checks.decide.ts';
import { installedChecks } from './installed-checks.decide.ts';
import { preChecks } from './pre-checks.decide.ts';
import { MmsError } from '../../lib/errors.ts';
import { readInstalledFacts, readPreFacts } from './check-facts.ts';
import type { CheckFlags } from './check.ts';
import { withCluster } from '../cluster-connection.ts';
import type { ClusterConnection } from '../cluster-connection.ts';
import type { CommandIo } from '../io.ts';
import { painter, structured } from '../output.ts';
import type { Colour } from '../output.ts';
import { oneLine } from '../table.ts';

/** A check failed; all were printed before. */
class CheckFailedError extends MmsError {
  readonly code = 'CHECK_FAILED';
  readonly retryable = false;
}

const MARKS: Readonly<Record<Check['outcome'], readonly [mark: string, colour: Colour]>> = {
  ok: ['✓', 'green'],
  warning: ['!', 'yellow'],
  failed: ['✗', 'red'],
  unknown: ['?', 'yellow'],
};

/**
 * Prints all checks.
 *
 * @throws {CheckFailedError} after printing, so that the exit code tells; ApiError when the cluster is not reached
 */
export function checkCluster(io: CommandIo, flags: CheckFlags): Promise<void> {
  const warnings: string[] = [];
  const run = async (cluster: ClusterConnection): Promise<void> => {
    const checks =
      flags.pre === true
        ? preChecks(await readPreFacts(cluster))
        : installedChecks(await readInstalledFacts(cluster, flags, warnings));
    io.stdout.write(flags.output === 'table' ? textOf(checks, io) : structured({ checks }, flags.output));
    const failed = checks.filter(({ outcome }) => outcome === 'failed').map(({ id }) => id);
    if (failed.length > 0) throw new CheckFailedError(`failed: ${failed.join(', ')}`);
  };
  return withCluster(flags, run, (warning) => void warnings.push(warning));
}

function textOf(checks: readonly Check[], io: CommandIo): string {
  const paint = painter(io.stdout, io.environment);
  const width = Math.max(...checks.map(({ id }) => id.length));
  return checks
    .map(({ id, outcome, message, advice }) => {
      const [mark, colour] = MARKS[outcome];
      const hint =
        advice === undefined ? '' : `  ${' '.repeat(width)}  ${paint('bold', '→')} ${oneLine(advice)}\n`;
      return `${paint(colour, mark)} ${id.padEnd(width)}  ${oneLine(message)}\n${hint}`;
    })
    .join('');
}
