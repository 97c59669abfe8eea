import type { Command } from 'commander';
import { withConnectionFlags, withCluster } from '../cluster-connection.ts';
import type { ConnectionFlags, ClusterConnection } from '../cluster-connection.ts';
import { newCommand } from '../io.ts';
import type { CommandIo } from '../io.ts';
import { objectArgument } from '../object-argument.ts';
import { outputOption, structured } from '../output.ts';
import type { OutputFormat } from '../output.ts';
import { withWaitFlags, NotInTimeError } from '../wait-flags.ts';
import type { WaitFlags } from '../wait-flags.ts';
import { milliseconds, seconds } from '../../lib/clock.ts';
import type { Milliseconds } from '../../lib/clock.ts';
import { MmsError, messageOf } from '../../lib/errors.ts';
import { namesPlaced } from '../../contract/model-config-map.ts';
import { unloadProgress } from './model-unload.decide.ts';
import type { ReplicaRest, UnloadFacts } from './model-unload.decide.ts';
import { modelConfigName } from '../../contract/names.ts';
import { inferenceServiceOf } from '../../contract/trained-model.ts';
import type { TrainedModel } from '../../contract/trained-model.ts';
import { hasStarted } from '../../contract/watched-pod.ts';
import type { WatchedPod } from '../../contract/watched-pod.ts';
import { getIfThere } from '../../kube/get-if-there.ts';
import { CONFIG_MAPS, TRAINED_MODELS } from '../../kube/resources.ts';
import { systemClock } from '../../lib/system-clock.ts';
import { findModel } from '../find-model.ts';
import { predictorPods } from '../predictor-pods.ts';

interface UnloadFlags extends ConnectionFlags, WaitFlags {
  readonly output: OutputFormat;
}

/** `mms unload`: deletes a TrainedModel and waits until it is unloaded. */
export function unloadCommand(io: CommandIo): Command {
  const command = withConnectionFlags(newCommand('unload', io))
    .description('unload a model: delete its TrainedModel, and wait until no replica has it')
    .addArgument(objectArgument('<name>', 'the model', 'TrainedModel'));
  return withWaitFlags(command, 'it is unloaded')
    .addOption(outputOption(['table', 'json', 'yaml']))
    .addHelpText(
      'after',
      `
It waits until the TrainedModel is gone, no models.json names it, and no agent reports it. Agents are asked by way of
the API server, which needs the right to get pods/proxy; one that cannot be asked is named and not waited for.

Examples:
  mms unload tulip
  mms unload tulip -n garden --no-wait`,
    )
    .action((name: string, flags: UnloadFlags) => unloadModel(io, name, flags));
}

/** Within a version fields are added, never removed or given another meaning. */
const DOCUMENT_VERSION = 'kserve-mms/unload.v1';
/** There is no watch on what agents say by way of the API server. */
const LOOK_EVERY = milliseconds(500);
const ASK_TIMEOUT = seconds(5);
/** An agent's word on one model. */
const MAX_ANSWER = 64 * 1024;

/** The model was created again while it was being unloaded. */
class RecreatedError extends MmsError {
  readonly code = 'CREATED_ANEW';
  readonly retryable = false;
}

/**
 * Deletes the TrainedModel and, by default, waits until it is unloaded, as far as can be known.
 *
 * @throws {NotInTimeError} NoSuchNameError, RecreatedError, ApiError
 */
async function unloadModel(io: CommandIo, name: string, flags: UnloadFlags): Promise<void> {
  const interrupted = io.interruption();
  await withCluster(flags, async (cluster) => {
    const model = await findModel(cluster, name);
    const { namespace } = cluster;
    const { uid } = model.metadata;
    const preconditions = uid === undefined ? {} : { preconditions: { uid } };
    await cluster.client.delete(TRAINED_MODELS, { namespace, name }, preconditions);
    if (flags.output === 'table') io.stdout.write(`trainedmodel/${name} deleted\n`);
    const replicas = flags.wait
      ? await untilUnloaded({ io, cluster, model, timeout: flags.timeout, interrupted })
      : [];
    if (flags.output === 'table') return;
    const document = { version: DOCUMENT_VERSION, namespace, name, waited: flags.wait, replicas };
    io.stdout.write(structured(document, flags.output === 'yaml' ? 'yaml' : 'json'));
  });
}

async function untilUnloaded(run: {
  readonly io: CommandIo;
  readonly cluster: ClusterConnection;
  readonly model: TrainedModel;
  readonly timeout: Milliseconds;
  readonly interrupted: AbortSignal;
}): Promise<readonly ReplicaRest[]> {
  const { io, cluster, model, timeout, interrupted } = run;
  const { name } = model.metadata;
  const signal = AbortSignal.any([interrupted, AbortSignal.timeout(timeout)]);
  let last = '';
  for (;;) {
    const facts = await look(cluster, model);
    const { state, line } = unloadProgress(facts);
    if (line !== last) io.stderr.write(`${name}: ${line}\n`);
    last = line;
    if (state === 'done') return facts.replicas;
    if (state === 'replaced') throw new RecreatedError(`model ${name} stays: ${line}`);
    await systemClock.sleep(LOOK_EVERY, signal);
    if (signal.aborted) {
      const when = interrupted.aborted ? 'when you stopped waiting' : `after ${timeout / 1000} s`;
      throw new NotInTimeError(`model ${name} was not unloaded ${when}: ${last}`);
    }
  }
}

/** Agents are asked only once no ConfigMap lists the model. */
async function look(cluster: ClusterConnection, model: TrainedModel): Promise<UnloadFacts> {
  const { client, namespace } = cluster;
  const { name, uid } = model.metadata;
  const now = await getIfThere(client, TRAINED_MODELS, { namespace, name });
  const object = now === undefined ? 'gone' : now.metadata.uid === uid ? 'there' : 'replaced';
  const service = inferenceServiceOf(model);
  if (object !== 'gone' || service === undefined) return { object, listed: false, replicas: [] };
  const reference = { namespace, name: modelConfigName(service, 0) };
  const configMap = await getIfThere(client, CONFIG_MAPS, reference);
  const listed = configMap !== undefined && namesPlaced([configMap]).has(name);
  if (listed) return { object, listed, replicas: [] };
  // A pod that has never run has no models.
  const pods = (await predictorPods(cluster, service)).filter(
    (pod) => pod.agentStatusPort !== undefined && hasStarted(pod),
  );
  return { object, listed, replicas: await Promise.all(pods.map((pod) => restOn(cluster, pod, name))) };
}

async function restOn(
  { client, namespace }: ClusterConnection,
  { metadata, agentStatusPort: port = 0 }: WatchedPod,
  model: string,
): Promise<ReplicaRest> {
  const pod = metadata.name;
  const path = `/v1/models/${encodeURIComponent(model)}`;
  try {
    const request = { namespace, pod, port, path, maxBytes: MAX_ANSWER };
    const { status } = await client.askPod(request, { timeout: ASK_TIMEOUT });
    if (status === 404) return { pod, state: 'gone' };
    return status === 200
      ? { pod, state: 'holds' }
      : { pod, state: 'unknown', why: `its agent answered ${status}` };
  } catch (thrown) {
    return { pod, state: 'unknown', why: messageOf(thrown) };
  }
}
