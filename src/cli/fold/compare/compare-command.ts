import { MmsError } from '../../../lib/errors.ts';
import { withCluster } from '../../cluster-connection.ts';
import type { ScopeFlags } from '../../cluster-connection.ts';
import type { CommandIo } from '../../io.ts';
import { structured } from '../../output.ts';
import type { OutputFormat } from '../../output.ts';
import { table } from '../../table.ts';
import type { Tolerance } from './compare-answers.decide.ts';
import { compareAnswers } from './compare.ts';
import type { Comparison } from './compare.ts';
import { readRequests } from './request-files.ts';

/** Within a version, fields are added but never removed or changed in meaning. */
const DOCUMENT_VERSION = 'kserve-mms/fold-answers.v1';

/** A model's answers differ from its InferenceService's, or could not be compared. */
class AnswersDifferError extends MmsError {
  readonly code = 'ANSWERS_DIFFER';
  readonly retryable = false;
}

/** There is no model to compare. */
class NothingToCompareError extends MmsError {
  readonly code = 'NOTHING_TO_COMPARE';
  readonly retryable = false;
}

interface CompareFlags extends ScopeFlags {
  readonly compare: string;
  readonly tolerance: Tolerance;
  readonly output: OutputFormat;
}

/**
 * Prints for each model whether the shared pods answer as its own do.
 * @throws {AnswersDifferError} unless all do, with at least one request each
 */
export async function compareCommand(
  io: CommandIo,
  names: readonly string[],
  flags: CompareFlags,
): Promise<void> {
  const signal = io.interruption();
  const requests = await readRequests(flags.compare, io);
  const comparisons = await withCluster(flags, (cluster) =>
    compareAnswers(cluster, requests, { names, tolerance: flags.tolerance, signal }),
  );
  const missing = names.filter((name) => !comparisons.some(({ model }) => model === name));
  if (comparisons.length === 0 || missing.length > 0)
    throw new NothingToCompareError(
      `there is no InferenceService of one model with a TrainedModel of its name${missing.length > 0 ? `: ${missing.join(', ')}` : ''}; ` +
        'write them with mms fold --write, and apply them',
    );
  print(io, comparisons, flags.output);
  const bad = comparisons.filter(({ difference }) => difference !== undefined);
  if (bad.length === 0) return;
  const models = [...new Set(bad.map(({ model }) => model))];
  throw new AnswersDifferError(
    `${models.length} of ${new Set(comparisons.map(({ model }) => model)).size} models must not be moved yet: ${models.join(', ')}`,
  );
}

function print(io: CommandIo, comparisons: readonly Comparison[], output: OutputFormat): void {
  if (output === 'json' || output === 'yaml') {
    const rows = comparisons.map(({ namespace, model, shared, request, difference }) => ({
      ...{ namespace, model, inferenceService: shared, request: request ?? null },
      ...{
        alike: difference === undefined,
        code: difference?.code ?? null,
        message: difference?.message ?? null,
      },
    }));
    io.stdout.write(structured({ version: DOCUMENT_VERSION, comparisons: rows }, output));
    return;
  }
  const rows = comparisons.map(({ model, shared, request, difference }) => [
    ...[model, shared, request ?? '-', difference?.code ?? 'Alike', difference?.message ?? ''],
  ]);
  io.stdout.write(table(['MODEL', 'SHARED INFERENCESERVICE', 'REQUEST', 'ANSWERS', 'BECAUSE'], rows));
}
