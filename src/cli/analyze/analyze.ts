import { type Command, Option } from 'commander';
import { MmsError } from '../../lib/errors.ts';
import { InputFileError, readInput } from '../documents.ts';
import { type CommandIo, newCommand } from '../io.ts';
import { painter } from '../output.ts';
import { analyzeFiles } from './analyze-files.ts';
import { type MeasuredService, readMeasured } from './measured.decide.ts';
import { type ReportFormat, reportText, type Tally, tallyText } from './report.ts';

interface AnalyzeFlags {
  readonly filename: readonly string[];
  readonly measured?: string;
  readonly output: ReportFormat;
  readonly failOn: 'error' | 'warning' | 'info' | 'never';
}

/** The files have what `--fail-on` says they must not have. */
class FindingsError extends MmsError {
  readonly code = 'FINDINGS';
  readonly retryable = false;
}

/** `mms analyze`: what is wrong with manifests, before a cluster sees them. */
export function analyzeCommand(io: CommandIo): Command {
  return newCommand('analyze', io)
    .description(
      'Look through files of InferenceServices and TrainedModels for what would not work, without a cluster: names, URIs, ' +
        'memory against limits, models without an InferenceService, fields that do not exist, secrets.',
    )
    .requiredOption(
      '-f, --filename <path>',
      'a file, a directory with all below it, or - for stdin; may be repeated',
      (path: string, paths: readonly string[] | undefined) => [...(paths ?? []), path],
    )
    .option(
      '--measured <path>',
      'what mms top -o json printed, or - for stdin: reports models that take far more or far less memory than they declare',
    )
    .addOption(
      new Option('-o, --output <format>', 'what to print; github: annotations of a workflow')
        .choices(['text', 'json', 'yaml', 'github'])
        .default('text'),
    )
    .addOption(
      new Option('--fail-on <severity>', 'the least severity that makes exit code 1')
        .choices(['error', 'warning', 'info', 'never'])
        .default('error'),
    )
    .addHelpText(
      'after',
      `
Findings go to stdout, with file, line and column; what each code means is in docs/reference/findings.md.
Templates of Helm and patches of kustomize are no whole objects: analyze what they become.

Examples:
  mms analyze -f manifests/
  kubectl kustomize overlays/production | mms analyze -f -
  mms analyze -f models/ -o github --fail-on warning
  mms top -A -o json | mms analyze -f manifests/ --measured -`,
    )
    .action((flags: AnalyzeFlags) => run(io, flags));
}

async function run(io: CommandIo, { filename, measured, output, failOn }: AnalyzeFlags): Promise<void> {
  const figures = measured === undefined ? [] : await readFigures(measured, io);
  const { findings, tally } = await analyzeFiles(filename, io, figures);
  if (tally.files === 0 && findings.length === 0)
    throw new InputFileError(
      `no YAML or JSON file in ${filename.join(', ')} holds objects; what a kustomization makes of others: ` +
        'kubectl kustomize DIRECTORY | mms analyze -f -',
    );
  io.stdout.write(reportText(findings, tally, output, painter(io.stdout, io.environment)));
  if (isTooMuch(tally, failOn)) throw new FindingsError(tallyText(tally));
  io.stderr.write(`${tallyText(tally)}\n`);
}

async function readFigures(path: string, io: CommandIo): Promise<readonly MeasuredService[]> {
  const figures = readMeasured(await readInput(path, io));
  if (figures === undefined) throw new InputFileError(`${path} is not what mms top -o json prints`);
  return figures;
}

function isTooMuch({ errors, warnings, infos }: Tally, failOn: AnalyzeFlags['failOn']): boolean {
  switch (failOn) {
    case 'never':
      return false;
    case 'error':
      return errors > 0;
    case 'warning':
      return errors + warnings > 0;
    case 'info':
      return errors + warnings + infos > 0;
  }
}
