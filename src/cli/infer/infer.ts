import type { Command } from 'commander';
import { InvalidArgumentError, Option } from 'commander';
import type { Milliseconds } from '../../lib/clock.ts';
import { seconds } from '../../lib/clock.ts';
import type { Protocol } from './infer-request.decide.ts';
import { withConnectionFlags } from '../cluster-connection.ts';
import type { ConnectionFlags } from '../cluster-connection.ts';
import { newCommand } from '../io.ts';
import type { CommandIo } from '../io.ts';
import { objectArgument } from '../object-argument.ts';
import { outputOption } from '../output.ts';
import type { OutputFormat } from '../output.ts';
import { timeoutOption } from '../wait-flags.ts';

export interface InferFlags extends ConnectionFlags {
  readonly data: string;
  readonly protocol: Protocol | 'auto';
  readonly via: 'proxy' | 'direct';
  readonly url?: string;
  readonly timeout: Milliseconds;
  readonly output: OutputFormat;
}

/** `mms infer`: one request to a model. */
export function inferCommand(io: CommandIo): Command {
  return withConnectionFlags(newCommand('infer', io))
    .description('send one request to a model and print its answer')
    .addArgument(objectArgument('<model>', 'the TrainedModel', 'TrainedModel'))
    .requiredOption('-d, --data <json>', 'the request: JSON, @file, or - for stdin')
    .addOption(
      new Option('--protocol <version>', "of the request; auto: the InferenceService's")
        .choices(['auto', 'v1', 'v2'])
        .default('auto'),
    )
    .addOption(
      new Option(
        '--via <way>',
        'by way of the API server to a ready pod, or straight to the URL of its status',
      )
        .choices(['proxy', 'direct'])
        .default('proxy'),
    )
    .addOption(
      new Option(
        '--url <url>',
        'straight to this address; a path that names no inference gets the one of the model',
      ).argParser(readUrl),
    )
    .addOption(timeoutOption('how long to wait for the answer', seconds(60), '60s'))
    .addOption(outputOption(['table', 'json', 'yaml']))
    .addHelpText(
      'after',
      `
The answer goes to stdout as it came, and how long it took to stderr; -o json puts both into one document. By way of
the API server works wherever kubectl does, and needs the right to create pods/proxy. Exit code 1 when the model does
not answer with 2xx, with what its TrainedModel says of it.

Examples:
  mms infer tulip -d '{"inputs":[{"name":"x","shape":[1,4],"datatype":"FP64","data":[6.8,2.8,4.8,1.4]}]}'
  mms infer tulip -d @request.json --via direct
  generate | mms infer tulip -d - --protocol v1 --url http://localhost:8080`,
    )
    .action(async (model: string, flags: InferFlags) => {
      const { inferOnce } = await import('./infer-run.ts');
      await inferOnce(io, model, flags);
    });
}

function readUrl(text: string): string {
  const isHttp = URL.canParse(text) && /^https?:$/.test(new URL(text).protocol);
  if (isHttp) return text;
  throw new InvalidArgumentError('It must be a URL such as http://localhost:8080.');
}
