import { writeFile } from 'node:fs/promises';
import type { Command } from 'commander';
import { Option } from 'commander';
import type { Milliseconds } from '../../lib/clock.ts';
import { MmsError, messageOf } from '../../lib/errors.ts';
import { withCluster, withScopeFlags } from '../cluster-connection.ts';
import type { ScopeFlags } from '../cluster-connection.ts';
import { newCommand } from '../io.ts';
import type { CommandIo } from '../io.ts';
import { nearNames } from '../near-names.decide.ts';
import { NoSuchNameError } from '../no-such-name.ts';
import { objectArgument } from '../object-argument.ts';
import { outputOption, structured } from '../output.ts';
import type { OutputFormat } from '../output.ts';
import { table } from '../table.ts';
import type { Tolerance } from './compare/compare-answers.decide.ts';
import { compareCommand } from './compare/compare-command.ts';
import type { FoldFacts } from './candidate.decide.ts';
import { withArtifactSizes } from './artifact-sizes.ts';
import { factsOfFiles } from './file-facts.ts';
import { assumptionsIn, gathered, readTolerance, withAssumptions } from './fold-options.ts';
import { withMoveFlags } from './move/move-flags.ts';
import type { AssumptionFlags } from './fold-options.ts';
import { moveCommand } from './move/move-command.ts';
import { plotOf } from './plot.decide.ts';
import { readRequestCounts } from './read-counts.ts';
import { factsOfCluster } from './read-facts.ts';
import type { ReadFacts } from './read-facts.ts';
import { foldReport } from './report.decide.ts';
import type { FoldReport } from './report.decide.ts';
import { reportDocument } from './report-document.decide.ts';
import {
  aloneCells,
  changeLines,
  halfBudgetLines,
  groupCells,
  modelCells,
  savedText,
} from './report-text.decide.ts';
import type { Cells } from './report-text.decide.ts';
import { writeManifests } from './write-files.ts';

interface FoldFlags extends ScopeFlags, AssumptionFlags {
  readonly filename?: readonly string[];
  readonly output: OutputFormat;
  readonly loadsModels?: readonly string[];
  readonly plot?: string;
  readonly write?: string;
  readonly force?: true;
  readonly compare?: string;
  readonly tolerance: Tolerance;
  readonly apply?: true;
  readonly retire?: true;
  readonly undo?: true;
  readonly requests?: string;
  readonly skipComparing?: true;
  readonly timeout: Milliseconds;
}

/** The SVG file cannot be written. */
class PlotFileError extends MmsError {
  readonly code = 'PLOT_FILE';
  readonly retryable = false;
}

/** The `rtol` of numpy's `allclose`: a float32 is some hundred times closer to the float64 that it was. */
const TOLERANCE = 1e-5 as Tolerance;

/** `mms fold`: the savings if InferenceServices of one model each shared pods, and the files for it. */
export function foldCommand(io: CommandIo): Command {
  const command = withScopeFlags(newCommand('fold', io))
    .description(
      'show which InferenceServices could share pods and what that saves, and write the files for it',
    )
    .addArgument(objectArgument('[inferenceservice...]', 'these only', 'InferenceService'))
    .option(
      '-f, --filename <path>',
      'read a file, a directory, or - for stdin instead of a cluster; may be repeated',
      gathered,
    )
    .addOption(outputOption())
    .option(
      '--write <directory>',
      'write the shared InferenceServices and their TrainedModels, one object per file',
    )
    .option('--force', 'with --write: replace existing files')
    .addOption(
      new Option(
        '--compare <directory>',
        'send the requests in this directory, NAME.json for the model NAME, to the InferenceServices and to the TrainedModels of the same names, and compare the answers',
      ).conflicts(['filename', 'write', 'plot']),
    )
    .addOption(
      new Option(
        '--tolerance <share>',
        'with --compare and --apply: how far two numbers may differ, relative to their size',
      )
        .argParser(readTolerance)
        .default(TOLERANCE),
    )
    .option('--plot <file>', 'draw pods, CPU and memory before and after into an SVG file')
    .option(
      '--loads-models <runtime>',
      'a runtime whose server loads models by the V2 repository API; may be repeated',
      gathered,
    );
  return withMoveFlags(withAssumptions(command))
    .addHelpText('after', HELP)
    .action((names: readonly string[], flags: FoldFlags) => fold(io, names, flags));
}

const HELP = `
Changes nothing in the cluster but with --apply, --retire and --undo. InferenceServices can share pods that are alike in all but their model and size; each that
cannot is named with the reason. What the figures rest on is printed below them: read it before you believe them.

Examples:
  mms fold -A
  mms fold -n flowers --cpu-price 0.04 --memory-price 0.005 --plot saved.svg
  mms fold -f manifests/ --model-memory 20Mi
  mms fold -n flowers --write gitops/ && mms analyze -f gitops/
  mms fold -n flowers --compare requests/
  mms fold -n flowers --apply rose tulip --requests requests/
  mms fold -n flowers --retire rose tulip`;

const GOALS = ['apply', 'retire', 'undo'] as const;

async function fold(io: CommandIo, names: readonly string[], flags: FoldFlags): Promise<void> {
  const goal = GOALS.find((one) => flags[one] === true);
  if (goal !== undefined) {
    const move = { ...flags, assumed: assumptionsIn(flags), trusted: new Set(flags.loadsModels) };
    return moveCommand(io, goal, names, move);
  }
  const { compare, ...others } = flags;
  if (compare !== undefined) return compareCommand(io, names, { ...others, compare });
  const { facts, notes, unmeasured } = await readFacts(io, flags);
  const counts = flags.requestCounts && (await readRequestCounts(flags.requestCounts, io, io.interruption()));
  mustBeKnown(facts, names);
  const report = foldReport(facts, {
    assumed: assumptionsIn(flags),
    prices: { cpu: flags.cpuPrice, memory: flags.memoryPrice },
    ...{ trusted: new Set(flags.loadsModels), only: new Set(names) },
    ...{ unmeasured, counts },
  });
  for (const note of notes) io.stderr.write(`note: ${note}\n`);
  if (flags.write !== undefined) {
    const count = await writeManifests(report, flags.write, flags.force === true);
    const written = `${count} files are in ${flags.write}; of each directory apply inference-service.yaml first`;
    io.stderr.write(`${count === 0 ? 'there is nothing to write' : written}\n`);
  }
  if (flags.plot !== undefined) await writePlot(flags.plot, report);
  print(io, report, flags.output);
}

async function readFacts(io: CommandIo, flags: FoldFlags): Promise<ReadFacts> {
  const { filename, namespace } = flags;
  const read = await (filename === undefined
    ? withCluster(flags, (cluster) => factsOfCluster(cluster, { askServers: flags.serverMetrics === true }))
    : factsOfFiles(filename, namespace, io));
  return flags.artifactSizes === true ? withArtifactSizes(read, io) : read;
}

function mustBeKnown({ services }: FoldFacts, names: readonly string[]): void {
  const known = services.map(({ metadata }) => metadata.name);
  for (const name of names) {
    if (known.includes(name)) continue;
    throw new NoSuchNameError(
      { wanted: name, near: nearNames(name, known) },
      'what was read',
      'InferenceService',
    );
  }
}

async function writePlot(file: string, report: FoldReport): Promise<void> {
  await writeFile(file, plotOf(report)).catch((thrown: unknown) => {
    throw new PlotFileError(`cannot write ${file}: ${messageOf(thrown)}`, { cause: thrown });
  });
}

function print(io: CommandIo, report: FoldReport, output: OutputFormat): void {
  if (output === 'json' || output === 'yaml') {
    io.stdout.write(structured(reportDocument(report), output));
    return;
  }
  const tables = [groupCells(report), ...(output === 'wide' ? [modelCells(report)] : []), aloneCells(report)];
  const sections = [
    `${savedText(report)}\n`,
    ...tables.filter(({ rows }) => rows.length > 0).map(tableText),
    listText(
      'With half the memory for models, and models that are loaded on request:',
      halfBudgetLines(report),
    ),
    listText('What changes for clients and for you:', changeLines(report.groups)),
    listText(
      'These figures assume:',
      report.assumptions.map((line) => `- ${line}`),
    ),
  ];
  io.stdout.write(sections.filter((section) => section !== '').join('\n'));
}

function tableText({ headings, rows }: Cells): string {
  return table(headings, rows);
}

function listText(heading: string, lines: readonly string[]): string {
  return lines.length === 0 ? '' : `${heading}\n${lines.map((line) => `${line}\n`).join('')}`;
}
