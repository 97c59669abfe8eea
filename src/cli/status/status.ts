import type { Command } from 'commander';
import { withScopeFlags, withCluster } from '../cluster-connection.ts';
import type { ScopeFlags, ClusterConnection } from '../cluster-connection.ts';
import { newCommand } from '../io.ts';
import type { CommandIo } from '../io.ts';
import { outputOption, painter, structured } from '../output.ts';
import type { OutputFormat } from '../output.ts';
import { clusterOverview } from './cluster-overview.decide.ts';
import type { ClusterOverview } from './cluster-overview.decide.ts';
import { readTarget } from '../explain/target.decide.ts';
import type { Target } from '../explain/target.decide.ts';
import { SettingsError } from '../../lib/settings-error.ts';
import { statusDocument } from './status-document.decide.ts';
import { onlyMultiModel, selectStatus } from './status-selection.decide.ts';
import type { StatusSelection } from './status-selection.decide.ts';
import { systemClock } from '../../lib/system-clock.ts';
import { readSnapshot } from '../cluster-snapshot.ts';
import type { ClusterSnapshot } from '../cluster-snapshot.ts';
import { NoSuchNameError } from '../no-such-name.ts';
import { screenFor } from './status-screen.ts';
import { namesText, statusTables, tablesText } from './status-tables.ts';
import type { Rows } from './status-tables.ts';

interface StatusFlags extends ScopeFlags {
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
LOADED counts replicas for a model and models for an InferenceService; STANDBY says how many of the latter sleep, where an
InferenceService lets them. MEMORY is the declared memory of the models in models.json against the memory limit of the
predictor. With --watch a terminal is redrawn; a pipe gets the lines that changed, or with -o json a document a line.
-o wide shows whole messages and URLs, -o name names that kubectl and mms explain take.

Examples:
  mms status
  mms status flowers --watch
  mms status -A --models -o wide
  mms status -o json | jq '.models[] | select(.phase == "Failed")'`,
    )
    .action((names: readonly string[], flags: StatusFlags) => showStatus(io, names, flags));
}

/** What was named is of a kind that has no status here. */
class StatusNamesError extends SettingsError {
  readonly code = 'STATUS_NAMES';
}

function readNames(words: readonly string[]): readonly Target[] {
  const targets = words.map((word) => ({ word, target: readTarget(word) }));
  const faults = targets
    .filter(({ target }) => target === undefined || target.kind === 'Pod')
    .map(({ word }) => `${JSON.stringify(word)} is none of isvc/NAME, tm/NAME and NAME`);
  if (faults.length > 0) throw new StatusNamesError(faults);
  return targets.flatMap(({ target }) => target ?? []);
}

/**
 * Prints what is there, and with `--watch` what changes until the command is interrupted.
 *
 * @throws {StatusNamesError} when one is of another kind; {NoSuchNameError} when one of the names does not exist; ApiError
 */
async function showStatus(io: CommandIo, words: readonly string[], flags: StatusFlags): Promise<void> {
  const names = readNames(words);
  if (flags.output === 'name' && flags.watch === true)
    throw new StatusNamesError(['-o name has nothing that changes: leave out --watch']);
  const interrupted = flags.watch === true ? io.interruption() : undefined;
  await withCluster(flags, async (cluster) => {
    const snapshot = await readSnapshot(cluster.client, cluster.scope);
    const selection = selectionOf(snapshot, names, flags);
    const [missing] = selection.missing;
    if (missing !== undefined) throw new NoSuchNameError(missing, where(cluster));
    if (interrupted !== undefined) return watch({ io, names, flags, cluster, interrupted });
    if (flags.output === 'name') {
      io.stdout.write(namesText(selection, showsModels(names, flags)));
      return;
    }
    if (flags.output === 'json' || flags.output === 'yaml') {
      io.stdout.write(structured(statusDocument(selection), flags.output));
      return;
    }
    const tables = tablesOf(selection, io, names, flags);
    if (tables.length === 0) io.stderr.write(`no InferenceServices or TrainedModels in ${where(cluster)}\n`);
    io.stdout.write(tablesText(tables, flags.headers));
  });
}

function showsModels(names: readonly Target[], { models }: StatusFlags): boolean {
  return models === true || names.length > 0;
}

function selectionOf(
  snapshot: ClusterSnapshot,
  names: readonly Target[],
  flags: StatusFlags,
): StatusSelection {
  const overview = clusterOverview(snapshot);
  return selectStatus(flags.multiModel === true ? onlyMultiModel(overview) : overview, names);
}

function where({ scope }: ClusterConnection): string {
  return scope === undefined ? 'any namespace' : `namespace ${scope}`;
}

function tablesOf(
  overview: ClusterOverview,
  io: CommandIo,
  names: readonly Target[],
  flags: StatusFlags,
): Rows[] {
  return statusTables(overview, {
    wide: flags.output === 'wide',
    models: showsModels(names, flags),
    namespaces: flags.allNamespaces === true,
    paint: painter(io.stdout, io.environment),
    now: systemClock.now(),
  });
}

async function watch(run: {
  readonly io: CommandIo;
  readonly names: readonly Target[];
  readonly flags: StatusFlags;
  readonly cluster: ClusterConnection;
  readonly interrupted: AbortSignal;
}): Promise<void> {
  const { io, names, flags, cluster, interrupted } = run;
  // Loaded here, so that one look does not pay for what watches need.
  const { followSnapshot } = await import('../follow-snapshot.ts');
  const screen = screenFor(io.stdout, flags.headers);
  let last: string | undefined;
  const show = (snapshot: ClusterSnapshot): void => {
    const selection = selectionOf(snapshot, names, flags);
    if (flags.output === 'table' || flags.output === 'wide') {
      screen.show(tablesOf(selection, io, names, flags));
      return;
    }
    const document = statusDocument(selection);
    const text =
      flags.output === 'json' ? `${JSON.stringify(document)}\n` : `---\n${structured(document, 'yaml')}`;
    if (text !== last) io.stdout.write(text);
    last = text;
  };
  await followSnapshot({
    ...{ client: cluster.client, scope: cluster.scope, clock: systemClock, random: Math.random },
    ...{ signal: interrupted, show },
    trouble: (why) =>
      io.stderr.write(why === undefined ? 'watching again\n' : `not watching: ${why}; trying again\n`),
  });
}
