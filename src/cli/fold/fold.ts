import { writeFile } from 'node:fs/promises';
import type { Command } from 'commander';
import { InvalidArgumentError, Option } from 'commander';
import { MmsError, messageOf } from '../../lib/errors.ts';
import { bytes, formatBytes } from '../../lib/quantity.ts';
import type { Bytes } from '../../lib/quantity.ts';
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
import { readMemory } from './amounts.decide.ts';
import type { FoldFacts } from './candidate.decide.ts';
import { factsOfFiles } from './file-facts.ts';
import { plotOf } from './plot.decide.ts';
import { factsOfCluster } from './read-facts.ts';
import type { ReadFacts } from './read-facts.ts';
import { foldReport } from './report.decide.ts';
import type { FoldReport } from './report.decide.ts';
import { reportDocument } from './report-document.decide.ts';
import { aloneCells, changeLines, groupCells, modelCells, savedText } from './report-text.decide.ts';
import type { Cells } from './report-text.decide.ts';
import { writeManifests } from './write-files.ts';

interface FoldFlags extends ScopeFlags {
  readonly filename?: readonly string[];
  readonly output: OutputFormat;
  readonly cpuPrice?: number;
  readonly memoryPrice?: number;
  readonly emptyServer?: Bytes;
  readonly modelMemory?: Bytes;
  readonly margin: number;
  readonly podMemory: Bytes;
  readonly modelsPerPod: number;
  readonly loadsModels?: readonly string[];
  readonly plot?: string;
  readonly write?: string;
  readonly force?: true;
  readonly compare?: string;
  readonly tolerance: Tolerance;
}

/** The picture cannot be written. */
class PlotFileError extends MmsError {
  readonly code = 'PLOT_FILE';
  readonly retryable = false;
}

const POD_MEMORY = bytes(16n * 1024n ** 3n);
const MARGIN_PERCENT = 25;
const MODELS_PER_POD = 500;
/** The `rtol` of numpy's `allclose`: a float32 is some hundred times nearer to the float64 that it was. */
const TOLERANCE = 1e-5 as Tolerance;

/** `mms fold`: what it would save if InferenceServices of one model each shared pods, and the files to do it. */
export function foldCommand(io: CommandIo): Command {
  const command = withScopeFlags(newCommand('fold', io))
    .description(
      'show which InferenceServices could share pods and what that saves, and write what they become',
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
      'write the shared InferenceServices and a TrainedModel each, an object a file',
    )
    .option('--force', 'with --write: replace files that are there')
    .addOption(
      new Option(
        '--compare <directory>',
        'send the requests in it, NAME.json of the model NAME, to the InferenceServices and to the TrainedModels of their names, and compare the answers',
      ).conflicts(['filename', 'write', 'plot']),
    )
    .addOption(
      new Option('--tolerance <share>', 'with --compare: how far two numbers may be apart, by their size')
        .argParser(readTolerance)
        .default(TOLERANCE),
    )
    .option('--plot <file>', 'draw pods, CPU and memory before and after into an SVG file')
    .option(
      '--loads-models <runtime>',
      'a runtime whose server loads models by the V2 repository API; may be repeated',
      gathered,
    );
  return withAssumptions(command)
    .addHelpText('after', HELP)
    .action((names: readonly string[], flags: FoldFlags) => fold(io, names, flags));
}

const HELP = `
Changes nothing in the cluster. InferenceServices can share pods that are alike in all but their model and size; each that
cannot is named with the reason. What the figures rest on is printed below them: read it before you believe them.

Examples:
  mms fold -A
  mms fold -n flowers --cpu-price 0.04 --memory-price 0.005 --plot saved.svg
  mms fold -f manifests/ --model-memory 20Mi
  mms fold -n flowers --write gitops/ && mms analyze -f gitops/
  mms fold -n flowers --compare requests/`;

function withAssumptions(command: Command): Command {
  return command
    .addOption(new Option('--cpu-price <number>', 'of a core for an hour').argParser(readPrice))
    .addOption(new Option('--memory-price <number>', 'of a GiB for an hour').argParser(readPrice))
    .addOption(
      new Option('--model-memory <quantity>', 'of a model of which nothing is measured').argParser(
        readQuantity,
      ),
    )
    .addOption(
      new Option('--empty-server <quantity>', 'what a server takes before its first model').argParser(
        readQuantity,
      ),
    )
    .addOption(
      new Option('--margin <percent>', 'how much more than measured is proposed')
        .argParser(readPercent)
        .default(MARGIN_PERCENT / 100, String(MARGIN_PERCENT)),
    )
    .addOption(
      new Option('--pod-memory <quantity>', 'the most that the server of a shared pod may request')
        .argParser(readQuantity)
        .default(POD_MEMORY, formatBytes(POD_MEMORY)),
    )
    .addOption(
      new Option('--models-per-pod <number>', 'the most models that share pods')
        .argParser(readCount)
        .default(MODELS_PER_POD),
    );
}

function gathered(word: string, words: readonly string[] | undefined): string[] {
  return [...(words ?? []), word];
}

function readPrice(text: string): number {
  const price = Number(text);
  if (/^[\d.]+$/.test(text) && Number.isFinite(price)) return price;
  throw new InvalidArgumentError('It must be a number such as 0.04.');
}

function readQuantity(text: string): Bytes {
  const amount = readMemory(text);
  if (amount !== undefined && amount > 0n) return amount;
  throw new InvalidArgumentError('It must be a quantity of bytes above zero, such as 256Mi.');
}

function readTolerance(text: string): Tolerance {
  const share = Number(text);
  if (/^[\d.]+(e-?\d+)?$/.test(text) && share < 1) return share as Tolerance;
  throw new InvalidArgumentError('It must be a number from 0 to below 1, such as 1e-5.');
}

function readPercent(text: string): number {
  if (/^\d{1,4}$/.test(text)) return Number(text) / 100;
  throw new InvalidArgumentError('It must be a whole number of percent, such as 25.');
}

function readCount(text: string): number {
  if (/^\d{1,6}$/.test(text) && Number(text) >= 2) return Number(text);
  throw new InvalidArgumentError('It must be a whole number, 2 or more.');
}

async function fold(io: CommandIo, names: readonly string[], flags: FoldFlags): Promise<void> {
  const { compare, ...others } = flags;
  if (compare !== undefined) return compareCommand(io, names, { ...others, compare });
  const { facts, notes, unmeasured } = await readFacts(io, flags);
  mustBeKnown(facts, names);
  const report = foldReport(facts, {
    assumed: {
      ...{ emptyServer: flags.emptyServer, modelMemory: flags.modelMemory, margin: flags.margin },
      ...{ podMemory: flags.podMemory, modelsPerPod: flags.modelsPerPod },
    },
    prices: { cpu: flags.cpuPrice, memory: flags.memoryPrice },
    ...{ trusted: new Set(flags.loadsModels), only: new Set(names) },
    unmeasured,
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

function readFacts(io: CommandIo, flags: FoldFlags): Promise<ReadFacts> {
  const { filename, namespace } = flags;
  return filename === undefined ? withCluster(flags, factsOfCluster) : factsOfFiles(filename, namespace, io);
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
