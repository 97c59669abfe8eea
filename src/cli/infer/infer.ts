import { InvalidArgumentError, Option } from 'commander';
import type { Command } from 'commander';
import { seconds } from '../../lib/clock.ts';
import type { Milliseconds } from '../../lib/clock.ts';
import { faultOfRequest, protocolFor } from './infer-request.decide.ts';
import type { Protocol } from './infer-request.decide.ts';
import { withConnectionFlags, withCluster } from '../cluster-connection.ts';
import type { ConnectionFlags, ClusterConnection } from '../cluster-connection.ts';
import { newCommand } from '../io.ts';
import type { CommandIo } from '../io.ts';
import { objectArgument } from '../object-argument.ts';
import { outputOption, structured } from '../output.ts';
import type { OutputFormat } from '../output.ts';
import { timeoutOption } from '../wait-flags.ts';
import { readInput } from '../documents.ts';
import { MmsError } from '../../lib/errors.ts';
import { loadProgress } from '../load/model-load.decide.ts';
import { statusOfModel } from '../status/model-overview.decide.ts';
import { explanationIn } from '../../contract/server-answer.ts';
import { inferenceServiceOf } from '../../contract/trained-model.ts';
import type { TrainedModel } from '../../contract/trained-model.ts';
import { getIfThere } from '../../kube/get-if-there.ts';
import { INFERENCE_SERVICES } from '../../kube/resources.ts';
import { findModel } from '../find-model.ts';
import { askByProxy, askDirectly } from './infer-ways.ts';
import type { InferAnswer } from './infer-ways.ts';

interface InferFlags extends ConnectionFlags {
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
    .action((model: string, flags: InferFlags) => inferOnce(io, model, flags));
}

function readUrl(text: string): string {
  const isHttp = URL.canParse(text) && /^https?:$/.test(new URL(text).protocol);
  if (isHttp) return text;
  throw new InvalidArgumentError('It must be a URL such as http://localhost:8080.');
}

/** Within a version fields are added, never removed or given another meaning. */
const DOCUMENT_VERSION = 'kserve-mms/infer.v1';
/** What is shown of an answer that is no result. */
const ANSWER_SHOWN = 1_000;

/** The request cannot be sent as it is. */
class InferRequestError extends MmsError {
  readonly code = 'INFER_REQUEST';
  readonly retryable = false;
}

/** The model answered, and not with 2xx. */
class InferRefusedError extends MmsError {
  readonly code = 'INFER_REFUSED';
  readonly retryable = true;
}

/**
 * Sends one request and prints what comes.
 *
 * @throws {InferRefusedError} with what is known of the model, when it does not answer with 2xx
 */
async function inferOnce(io: CommandIo, name: string, flags: InferFlags): Promise<void> {
  const interrupted = io.interruption();
  const text = await readData(io, flags.data);
  await withCluster(flags, async (cluster) => {
    const model = await findModel(cluster, name);
    const protocol = await protocolOfModel(cluster, model, flags);
    const fault = faultOfRequest(text, protocol);
    if (fault !== undefined) throw new InferRequestError(`the request cannot be sent: ${fault}`);
    const request = { model, protocol, text, timeout: flags.timeout, signal: interrupted };
    const answer =
      flags.via === 'proxy' && flags.url === undefined
        ? await askByProxy(cluster, request)
        : await askDirectly(request, flags.url, isInCluster(io));
    if (answer.status < 200 || answer.status > 299) throw refused(model, answer);
    print(io, { model: name, protocol, ...answer }, flags);
  });
}

/** Kubernetes gives this variable to every container. */
function isInCluster({ environment }: CommandIo): boolean {
  return environment['KUBERNETES_SERVICE_HOST'] !== undefined;
}

function readData(io: CommandIo, data: string): Promise<string> {
  if (data === '-') return readInput('-', io);
  return data.startsWith('@') ? readInput(data.slice(1), io) : Promise.resolve(data);
}

async function protocolOfModel(
  { client, namespace }: ClusterConnection,
  model: TrainedModel,
  flags: InferFlags,
): Promise<Protocol> {
  if (flags.protocol !== 'auto') return flags.protocol;
  const service = inferenceServiceOf(model);
  const found = service && (await getIfThere(client, INFERENCE_SERVICES, { namespace, name: service }));
  const protocol = protocolFor(statusOfModel(model), found === '' ? undefined : found);
  if (protocol !== undefined) return protocol;
  throw new InferRequestError(
    `InferenceService ${service ?? ''} speaks neither v1 nor v2; only these can be sent, see --protocol`,
  );
}

function refused(model: TrainedModel, { status, text, from }: InferAnswer): InferRefusedError {
  const said = text.trim() === '' ? 'nothing' : explanationIn(text, ANSWER_SHOWN);
  const { state, line } = loadProgress(model);
  const known = state === 'ready' ? 'its TrainedModel is Ready' : `its TrainedModel says: ${line}`;
  return new InferRefusedError(`${from} answered ${status}: ${said}; ${known}`);
}

function print(
  io: CommandIo,
  answer: InferAnswer & { readonly model: string; readonly protocol: Protocol },
  { output }: InferFlags,
): void {
  const { text, model, protocol, from, status, milliseconds } = answer;
  if (output === 'table') {
    io.stdout.write(text.endsWith('\n') ? text : `${text}\n`);
    io.stderr.write(`${status} from ${from} after ${milliseconds} ms\n`);
    return;
  }
  const document = { version: DOCUMENT_VERSION, model, protocol, from, status, milliseconds };
  io.stdout.write(structured({ ...document, answer: parsed(text) }, output === 'yaml' ? 'yaml' : 'json'));
}

/** An answer of another kind stays text. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
