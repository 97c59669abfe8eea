import type { Command } from 'commander';
import { withScopeFlags } from '../cluster-connection.ts';
import type { ScopeFlags } from '../cluster-connection.ts';
import { newCommand } from '../io.ts';
import type { CommandIo } from '../io.ts';
import { DEFAULT_MANAGER_NAMESPACE } from '../manager-namespace.ts';

export interface DiagnosticsFlags extends ScopeFlags {
  /** Absent: a name with the date, in the working directory. */
  readonly file?: string;
  readonly force?: boolean;
  readonly managerNamespace: string;
}

/** `mms diagnostics`: what somebody who is to help needs to see, in one archive. */
export function diagnosticsCommand(io: CommandIo): Command {
  return withScopeFlags(newCommand('diagnostics', io))
    .description('gather what somebody who is to help needs to see into one archive, without secrets')
    .option('--file <path>', 'where to write it (default: mms-diagnostics-<date>.tar.gz here)')
    .option('--force', 'write over a file that is there')
    .option('--manager-namespace <name>', 'the namespace the manager runs in', DEFAULT_MANAGER_NAMESPACE)
    .addHelpText(
      'after',
      `
In it: InferenceServices, TrainedModels, their ConfigMaps, predictor pods and events of the namespace (-A: of all), the manager's
Deployment, pods, Lease and logs, both webhook configurations, and what each agent says of its models. What could not
be had stands in missing.txt, with the reason.

Secrets are not read. Left out are the values of environment variables, annotations, headers and arguments, but for those of the
manager and the agent, and users, passwords and queries of all URIs. Look through it before you publish it.

Examples:
  mms diagnostics -n models
  mms diagnostics -A --file report.tar.gz`,
    )
    .action(async (flags: DiagnosticsFlags) => {
      const { writeDiagnostics } = await import('./diagnostics-run.ts');
      await writeDiagnostics(io, flags);
    });
}
