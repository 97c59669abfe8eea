import type { Command } from 'commander';
import { withConnectionFlags } from '../cluster-connection.ts';
import type { ConnectionFlags } from '../cluster-connection.ts';
import { newCommand } from '../io.ts';
import type { CommandIo } from '../io.ts';
import { DEFAULT_MANAGER_NAMESPACE } from '../manager-namespace.ts';
import { outputOption } from '../output.ts';

export interface ExplainFlags extends ConnectionFlags {
  readonly output: 'table' | 'json' | 'yaml';
  readonly managerNamespace: string;
}

/** `mms explain`: a chain of checks in words, the first broken link marked. */
export function explainCommand(io: CommandIo): Command {
  return withConnectionFlags(newCommand('explain', io))
    .description('say why a model is not loaded, a pod not injected, or an InferenceService does not serve')
    .argument('<name>', 'such as tm/rose, pod/x or isvc/flowers; the name alone where only one kind has it')
    .option('--manager-namespace <name>', 'the namespace the manager runs in', DEFAULT_MANAGER_NAMESPACE)
    .addOption(outputOption(['table', 'json', 'yaml']))
    .addHelpText(
      'after',
      `
Goes from what was asked for to what serves it, one check after the other. The first link that is broken is marked, with
what to do; those behind it depend on it. What you may not read is unknown, and does not end the chain. Nothing is changed.
Exit code 0 when no link is broken, 1 when one is.

Examples:
  mms explain rose
  mms explain trainedmodel/rose -n garden
  mms explain pod/flowers-predictor-7d4b9-x2x7k
  mms explain isvc/flowers -o json | jq .broken.id`,
    )
    .action(async (name: string, flags: ExplainFlags) => {
      const { explain } = await import('./explain-run.ts');
      await explain(io, name, flags);
    });
}
