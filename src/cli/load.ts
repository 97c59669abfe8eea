import type { Command } from 'commander';
import { withConnectionFlags } from './cluster-connection.ts';
import type { ConnectionFlags } from './cluster-connection.ts';
import { newCommand } from './io.ts';
import type { CommandIo } from './io.ts';
import { objectArgument } from './object-argument.ts';
import { outputOption } from './output.ts';
import type { OutputFormat } from './output.ts';
import { withWaitFlags } from './wait-flags.ts';
import type { WaitFlags } from './wait-flags.ts';

export interface LoadFlags extends ConnectionFlags, WaitFlags {
  readonly output: OutputFormat;
  readonly inferenceService?: string;
  readonly storageUri?: string;
  readonly framework?: string;
  readonly memory?: string;
  readonly failFast?: boolean;
  readonly dryRun?: boolean;
  readonly forceConflicts?: boolean;
}

/** `mms load`: creates or changes a TrainedModel and waits until it is Ready. */
export function loadCommand(io: CommandIo): Command {
  const command = withConnectionFlags(newCommand('load', io))
    .description('load a model: create or change its TrainedModel, and wait until it is Ready')
    .addArgument(objectArgument('<name>', 'the model', 'TrainedModel'))
    .option('-i, --inference-service <name>', 'the InferenceService that is to serve it')
    .option('-u, --storage-uri <uri>', 'where the model is, such as s3://models/tulip')
    .option('--framework <name>', 'what it was made with, such as sklearn')
    .option('--memory <quantity>', 'the memory that it takes, such as 100Mi');
  return withWaitFlags(command, 'it is Ready')
    .option('--fail-fast', 'do not wait for another attempt when it fails')
    .option('--dry-run', 'let the API server and its webhooks judge it, and store nothing')
    .option('--force-conflicts', 'take over fields that another tool has set')
    .addOption(outputOption(['table', 'json', 'yaml']))
    .addHelpText(
      'after',
      `
Of a model that is there, what is left out stays as it is. Progress goes to stderr. A model that fails is tried again
by its agent, and so is waited for until --timeout; one that only a person can help, such as one without room, is not
waited for. Exit code 1 when it is not Ready, with the reason.

Examples:
  mms load tulip -i flowers -u s3://models/tulip --framework sklearn --memory 100Mi
  mms load tulip -u s3://models/tulip-v2
  mms load oak -i trees -u gs://models/oak --framework xgboost --memory 2Gi --dry-run`,
    )
    .action(async (name: string, flags: LoadFlags) => {
      const { loadModel } = await import('./load-run.ts');
      await loadModel(io, name, flags);
    });
}
