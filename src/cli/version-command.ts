import type { Command } from 'commander';
import { withScopeFlags } from './cluster-connection.ts';
import type { ScopeFlags } from './cluster-connection.ts';
import { newCommand } from './io.ts';
import type { CommandIo } from './io.ts';
import { DEFAULT_MANAGER_NAMESPACE } from './manager-namespace.ts';
import { outputOption } from './output.ts';
import type { OutputFormat } from './output.ts';

export interface VersionFlags extends ScopeFlags {
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
    .action(async (flags: VersionFlags) => {
      const { showVersion } = await import('./version-run.ts');
      await showVersion(io, flags);
    });
}
