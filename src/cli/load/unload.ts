import type { Command } from 'commander';
import { withConnectionFlags } from '../cluster-connection.ts';
import type { ConnectionFlags } from '../cluster-connection.ts';
import { newCommand } from '../io.ts';
import type { CommandIo } from '../io.ts';
import { objectArgument } from '../object-argument.ts';
import { outputOption } from '../output.ts';
import type { OutputFormat } from '../output.ts';
import { withWaitFlags } from '../wait-flags.ts';
import type { WaitFlags } from '../wait-flags.ts';

export interface UnloadFlags extends ConnectionFlags, WaitFlags {
  readonly output: OutputFormat;
}

/** `mms unload`: deletes a TrainedModel and waits until it is unloaded. */
export function unloadCommand(io: CommandIo): Command {
  const command = withConnectionFlags(newCommand('unload', io))
    .description('unload a model: delete its TrainedModel, and wait until no replica has it')
    .addArgument(objectArgument('<name>', 'the model', 'TrainedModel'));
  return withWaitFlags(command, 'it is unloaded')
    .addOption(outputOption(['table', 'json', 'yaml']))
    .addHelpText(
      'after',
      `
It waits until the TrainedModel is gone, no models.json names it, and no agent reports it. Agents are asked by way of
the API server, which needs the right to get pods/proxy; one that cannot be asked is named and not waited for.

Examples:
  mms unload tulip
  mms unload tulip -n garden --no-wait`,
    )
    .action(async (name: string, flags: UnloadFlags) => {
      const { unloadModel } = await import('./unload-run.ts');
      await unloadModel(io, name, flags);
    });
}
