import { readInput } from './documents.ts';
import { MmsError } from '../core/errors.ts';
import type { Protocol } from '../core/infer-request.ts';
import { faultOfRequest, protocolFor } from '../core/infer-request.ts';
import { loadProgress } from '../core/model-load.ts';
import { statusOfModel } from '../core/model-overview.ts';
import { explanationIn } from '../core/server-answer.ts';
import { inferenceServiceOf } from '../core/trained-model.ts';
import type { TrainedModel } from '../core/trained-model.ts';
import { getIfThere } from '../kube/get-if-there.ts';
import { INFERENCE_SERVICES } from '../kube/resources.ts';
import type { ClusterConnection } from './cluster-connection.ts';
import { withCluster } from './cluster-connection.ts';
import { findModel } from './find-model.ts';
import type { InferFlags } from './infer.ts';
import type { InferAnswer } from './infer-ways.ts';
import { askByProxy, askDirectly } from './infer-ways.ts';
import type { CommandIo } from './io.ts';
import { structured } from './output.ts';

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
export async function inferOnce(io: CommandIo, name: string, flags: InferFlags): Promise<void> {
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
