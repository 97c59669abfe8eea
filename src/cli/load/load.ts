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
import { MmsError } from '../../lib/errors.ts';
import { loadProgress, planLoad } from './model-load.decide.ts';
import { modelOverview } from '../status/model-overview.decide.ts';
import { SettingsError } from '../../lib/settings-error.ts';
import { modelDocument } from '../status/status-document.decide.ts';
import { frameworkDoubts } from '../analyze/analysis.decide.ts';
import { valueOf } from '../../lib/lookup.ts';
import { canBeInferenceService, inferenceServiceOf } from '../../contract/trained-model.ts';
import type { TrainedModel } from '../../contract/trained-model.ts';
import { isApiError } from '../../kube/api-error.ts';
import { getIfThere } from '../../kube/get-if-there.ts';
import { INFERENCE_SERVICES, TRAINED_MODELS } from '../../kube/resources.ts';
import { followModel } from './follow-model.ts';
import { tryRead } from '../try-read.ts';

interface LoadFlags extends ConnectionFlags, WaitFlags {
  readonly output: OutputFormat;
  readonly inferenceService?: string;
  readonly storageUri?: string;
  readonly framework?: string;
  readonly memory?: string;
  readonly failFast?: boolean;
  readonly dryRun?: boolean;
  readonly forceConflicts?: boolean;
}

/** `mms load`: creates or changes a TrainedModel and waits until it is Ready. */
export function loadCommand(io: CommandIo): Command {
  const command = withConnectionFlags(newCommand('load', io))
    .description('load a model: create or change its TrainedModel, and wait until it is Ready')
    .addArgument(objectArgument('<name>', 'the model', 'TrainedModel'))
    .option('-i, --inference-service <name>', 'the InferenceService that is to serve it')
    .option('-u, --storage-uri <uri>', 'where the model is, such as s3://models/tulip')
    .option('--framework <name>', 'what it was made with, such as sklearn')
    .option('--memory <quantity>', 'the memory that it takes, such as 100Mi');
  return withWaitFlags(command, 'it is Ready')
    .option('--fail-fast', 'do not wait for another attempt when it fails')
    .option('--dry-run', 'let the API server and its webhooks judge it, and store nothing')
    .option('--force-conflicts', 'take over fields that another tool has set')
    .addOption(outputOption(['table', 'json', 'yaml']))
    .addHelpText(
      'after',
      `
Flags that you leave out do not change an existing model. Progress goes to stderr. A model that fails is tried again
by its agent, and so is waited for until --timeout; one that only a person can help, such as one without room, is not
waited for. Exit code 1 when it is not Ready, with the reason.

Examples:
  mms load tulip -i flowers -u s3://models/tulip --framework sklearn --memory 100Mi
  mms load tulip -u s3://models/tulip-v2
  mms load oak -i trees -u gs://models/oak --framework xgboost --memory 2Gi --dry-run`,
    )
    .action((name: string, flags: LoadFlags) => loadModel(io, name, flags));
}

/** Within a version fields are added, never removed or given another meaning. */
const DOCUMENT_VERSION = 'kserve-mms/load.v1';
/** Who the fields belong to, for server-side apply. */
const FIELD_MANAGER = 'mms';

type Action = 'created' | 'configured' | 'unchanged';

/** What the command line says of the model is not enough, or cannot be. */
class LoadFlagsError extends SettingsError {
  readonly code = 'LOAD_FLAGS';
}

/** Another tool has set fields of the TrainedModel. */
class FieldConflictError extends MmsError {
  readonly code = 'FIELD_CONFLICT';
  readonly retryable = false;
}

/** The model cannot become Ready by waiting longer. */
class LoadFailedError extends MmsError {
  readonly code = 'LOAD_FAILED';
  readonly retryable = false;
}

/**
 * Applies the TrainedModel and, by default, waits until it is Ready.
 *
 * @throws {NotInTimeError} with the reason, when it is not; LoadFlagsError, ApiError
 */
async function loadModel(io: CommandIo, name: string, flags: LoadFlags): Promise<void> {
  const interrupted = io.interruption();
  const say = (line: string): void => void io.stderr.write(`${line}\n`);
  await withCluster(
    flags,
    async (cluster) => {
      const { action, model } = await applied(cluster, name, flags);
      const dry = flags.dryRun === true ? ' (dry run)' : '';
      if (flags.output === 'table') io.stdout.write(`trainedmodel/${name} ${action}${dry}\n`);
      for (const doubt of await doubtsOf(cluster, model)) say(`warning: ${doubt}`);
      const waits = flags.wait && flags.dryRun !== true;
      let last = model;
      try {
        if (waits) last = await untilReady({ cluster, model, flags, interrupted, say });
      } catch (thrown) {
        last = (await latest(cluster, model)) ?? model;
        throw thrown;
      } finally {
        show(action, last);
      }
    },
    (warning) => say(`warning: ${warning}`),
  );

  /** For programs: how it ended, well or not. */
  function show(action: Action, model: TrainedModel): void {
    if (flags.output === 'table') return;
    const surroundings = { inferenceService: undefined, waiting: undefined, readyPods: 0 };
    const document = {
      ...{ version: DOCUMENT_VERSION, action, dryRun: flags.dryRun === true },
      model: modelDocument(modelOverview(model, surroundings)),
    };
    io.stdout.write(structured(document, flags.output === 'yaml' ? 'yaml' : 'json'));
  }
}

/** As it is now; undefined also where that cannot be had. */
function latest(
  { client }: ClusterConnection,
  { metadata }: TrainedModel,
): Promise<TrainedModel | undefined> {
  return getIfThere(client, TRAINED_MODELS, metadata).catch(() => undefined);
}

async function applied(
  { client, namespace }: ClusterConnection,
  name: string,
  { inferenceService, storageUri, framework, memory, dryRun, forceConflicts }: LoadFlags,
): Promise<{ readonly action: Action; readonly model: TrainedModel }> {
  const reference = { namespace, name };
  const existing = await getIfThere(client, TRAINED_MODELS, reference);
  const plan = planLoad({ namespace, name, inferenceService, storageUri, framework, memory }, existing);
  if (plan.kind === 'faults') throw new LoadFlagsError(plan.faults);
  const force = forceConflicts === true;
  const patch = { type: 'apply', body: plan.model, fieldManager: FIELD_MANAGER, force } as const;
  try {
    const model = await client.patch(TRAINED_MODELS, reference, patch, { dryRun: dryRun === true });
    return { action: actionOf(existing, model), model };
  } catch (thrown) {
    if (!isApiError(thrown, 'API_CONFLICT')) throw thrown;
    throw new FieldConflictError(
      `${thrown.message}; change it there, or take the fields over with --force-conflicts`,
      { cause: thrown },
    );
  }
}

/** What `mms analyze` would say of the model beside its InferenceService; nothing where that cannot be read. */
async function doubtsOf(
  { client, namespace }: ClusterConnection,
  model: TrainedModel,
): Promise<readonly string[]> {
  const name = inferenceServiceOf(model);
  if (name === undefined || !canBeInferenceService(name)) return [];
  const found = await tryRead(getIfThere(client, INFERENCE_SERVICES, { namespace, name }));
  const service = valueOf(found);
  return service === undefined ? [] : frameworkDoubts(service, model);
}

function actionOf(existing: TrainedModel | undefined, model: TrainedModel): Action {
  if (existing === undefined) return 'created';
  return existing.metadata.generation === model.metadata.generation ? 'unchanged' : 'configured';
}

/** The command that says more; as it can be pasted. */
function seeWhy({ name, namespace }: TrainedModel['metadata']): string {
  return `; why: mms explain tm/${name}${namespace === undefined ? '' : ` -n ${namespace}`}`;
}

async function untilReady(run: {
  readonly cluster: ClusterConnection;
  readonly model: TrainedModel;
  readonly flags: LoadFlags;
  readonly interrupted: AbortSignal;
  readonly say: (line: string) => void;
}): Promise<TrainedModel> {
  const {
    cluster,
    model: { metadata },
    flags,
    interrupted,
    say,
  } = run;
  const timeUp = AbortSignal.timeout(flags.timeout);
  let last = 'nothing has been said of it';
  const signal = AbortSignal.any([interrupted, timeUp]);
  const ready = await followModel({ client: cluster.client, model: metadata, signal }, (model) => {
    // What the cache begins with may be older than what was just written.
    if ((model?.metadata.generation ?? 0) < (metadata.generation ?? 0) && model !== undefined)
      return undefined;
    const { state, line } = loadProgress(model);
    if (line !== last) say(`${metadata.name}: ${line}`);
    last = line;
    const isOver = state === 'gone' || state === 'blocked' || (state === 'stuck' && flags.failFast === true);
    if (isOver) throw new LoadFailedError(`model ${metadata.name} is not loaded: ${line}${seeWhy(metadata)}`);
    return state === 'ready' ? model : undefined;
  });
  if (ready !== undefined) return ready;
  const when = interrupted.aborted ? 'when you stopped waiting' : `after ${flags.timeout / 1000} s`;
  throw new NotInTimeError(
    `model ${metadata.name} was not Ready ${when}: ${last.replace(/\.$/, '')}; it is still being retried${seeWhy(metadata)}`,
  );
}
