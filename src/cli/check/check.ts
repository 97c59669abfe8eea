import type { Command } from 'commander';
import { InvalidArgumentError } from 'commander';
import { withConnectionFlags } from '../cluster-connection.ts';
import type { ConnectionFlags } from '../cluster-connection.ts';
import { newCommand } from '../io.ts';
import type { CommandIo } from '../io.ts';
import { DEFAULT_MANAGER_NAMESPACE } from '../manager-namespace.ts';
import { outputOption } from '../output.ts';

export interface CheckFlags extends ConnectionFlags {
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
    .action(async (flags: CheckFlags) => {
      const { checkCluster } = await import('./check-run.ts');
      await checkCluster(io, flags);
    });
}

function wholeDays(text: string): number {
  if (/^\d{1,4}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('It must be a whole number of days.');
}
