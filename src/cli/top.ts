import type { Command } from 'commander';
import { InvalidArgumentError, Option } from 'commander';
import type { Milliseconds } from '../core/clock.ts';
import { parseDuration } from '../core/duration-text.ts';
import type { TopOrder } from '../core/top-report.ts';
import { withScopeFlags } from './cluster-connection.ts';
import type { ScopeFlags } from './cluster-connection.ts';
import { newCommand } from './io.ts';
import type { CommandIo } from './io.ts';
import { objectArgument } from './object-argument.ts';
import { outputOption } from './output.ts';
import type { OutputFormat } from './output.ts';

export interface TopFlags extends ScopeFlags {
  readonly output: OutputFormat;
  readonly headers: boolean;
  readonly sort: TopOrder;
  readonly over?: Milliseconds;
}

const ORDERS: readonly TopOrder[] = ['memory', 'requests', 'errors', 'latency', 'name'];

/** `mms top`: models by memory, requests and latency. */
export function topCommand(io: CommandIo): Command {
  return withScopeFlags(newCommand('top', io))
    .description('show models by memory, requests and latency')
    .addArgument(objectArgument('[inferenceservice...]', 'of these only', 'InferenceService'))
    .addOption(new Option('-s, --sort <order>', 'the largest first').choices(ORDERS).default('memory'))
    .addOption(
      new Option('--over <duration>', 'count for so long, instead of since the agents started').argParser(
        readSpan,
      ),
    )
    .addOption(outputOption(['table', 'json', 'yaml']))
    .option('--no-headers', 'leave out the headings of the table')
    .addHelpText(
      'after',
      `
MEMORY is what the TrainedModel declares. Requests and times come from the agents of all predictor pods, by way of the
API server, which needs the right to get pods/proxy. Pods that cannot be asked are named on stderr; the rest is shown.

Examples:
  mms top
  mms top flowers --sort latency --over 30s
  mms top -A -o json`,
    )
    .action(async (services: readonly string[], flags: TopFlags) => {
      const { showTop } = await import('./top-run.ts');
      await showTop(io, services, flags);
    });
}

function readSpan(text: string): Milliseconds {
  const span = parseDuration(text);
  if (span !== undefined && span > 0) return span;
  throw new InvalidArgumentError('It must be a span of time such as 30s or 5m.');
}
