import type { Command } from 'commander';
import { withScopeFlags } from './cluster-connection.ts';
import type { ScopeFlags } from './cluster-connection.ts';
import { newCommand } from './io.ts';
import type { CommandIo } from './io.ts';
import { outputOption } from './output.ts';
import type { OutputFormat } from './output.ts';

export interface StatusFlags extends ScopeFlags {
  readonly output: OutputFormat;
  readonly models?: boolean;
  readonly multiModel?: boolean;
  readonly headers: boolean;
  readonly watch?: boolean;
}

/** `mms status`: InferenceServices and their models. */
export function statusCommand(io: CommandIo): Command {
  return withScopeFlags(newCommand('status', io))
    .description(
      'show InferenceServices and their models: what is loaded where, what failed, what memory is left',
    )
    .argument(
      '[name...]',
      'InferenceServices or models, such as flowers or tm/tulip; without any, all of them',
    )
    .option('-m, --models', 'the models too; so with a name in any case')
    .option(
      '--multi-model',
      'leave out InferenceServices that are not multi-model and that no TrainedModel names',
    )
    .option('-w, --watch', 'go on, and show what changes')
    .addOption(outputOption(['table', 'wide', 'name', 'json', 'yaml']))
    .option('--no-headers', 'leave out the headings of tables')
    .addHelpText(
      'after',
      `
LOADED counts replicas for a model and models for an InferenceService. MEMORY is the declared memory of the models in
models.json against the memory limit of the predictor. With --watch a terminal is drawn anew; a pipe gets the lines
that changed, or with -o json a document a line. -o wide shows whole messages and URLs, -o name names that kubectl and
mms explain take.

Examples:
  mms status
  mms status flowers --watch
  mms status -A --models -o wide
  mms status -o json | jq '.models[] | select(.phase == "Failed")'`,
    )
    .action(async (names: readonly string[], flags: StatusFlags) => {
      const { showStatus } = await import('./status-run.ts');
      await showStatus(io, names, flags);
    });
}
