import { InvalidArgumentError } from 'commander';
import type { Command } from 'commander';
import { withConnectionFlags, withCluster } from '../cluster-connection.ts';
import type { ConnectionFlags, ClusterConnection } from '../cluster-connection.ts';
import { newCommand } from '../io.ts';
import type { CommandIo } from '../io.ts';
import { DEFAULT_MANAGER_NAMESPACE } from '../manager-namespace.ts';
import { outputOption, painter, structured } from '../output.ts';
import type { Colour } from '../output.ts';
import type { Check } from './checks.decide.ts';
import { installedChecks } from './installed-checks.decide.ts';
import { preChecks } from './pre-checks.decide.ts';
import { MmsError } from '../../lib/errors.ts';
import { readInstalledFacts, readPreFacts } from './check-facts.ts';
import { oneLine } from '../table.ts';

interface CheckFlags extends ConnectionFlags {
  readonly pre?: boolean;
  readonly output: 'table' | 'json' | 'yaml';
  readonly managerNamespace: string;
  readonly warnDays: number;
}

/** `mms check`: whether the installation is well; with `--pre`, whether there can be one. */
export function checkCommand(io: CommandIo): Command {
  return withConnectionFlags(newCommand('check', io))
    .description('check the installation, or before there is one, whether the cluster can have it')
    .option('--pre', 'before installing: rights, what is there already, and which overlay fits')
    .option('--manager-namespace <name>', 'the namespace the manager runs in', DEFAULT_MANAGER_NAMESPACE)
    .option('--warn-days <number>', 'warn when less is left of what the API server trusts', wholeDays, 14)
    .addOption(outputOption(['table', 'json', 'yaml']))
    .addHelpText(
      'after',
      `
Each check is ok, a warning, failed, or unknown where you may not look. Nothing is changed: what is created for a trial is
a dry run. Exit code 1 when a check failed.

Examples:
  mms check --pre
  mms check
  mms check -o json | jq '.checks[] | select(.outcome == "failed")'`,
    )
    .action((flags: CheckFlags) => checkCluster(io, flags));
}

function wholeDays(text: string): number {
  if (/^\d{1,4}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('It must be a whole number of days.');
}

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
 * @throws {CheckFailedError} after printing, so that the exit code is 1; ApiError when the cluster is not reached
 */
function checkCluster(io: CommandIo, flags: CheckFlags): Promise<void> {
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
