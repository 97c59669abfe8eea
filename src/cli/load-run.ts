import { MmsError } from '../core/errors.ts';
import { loadProgress, planLoad } from '../core/model-load.ts';
import { modelOverview } from '../core/model-overview.ts';
import { SettingsError } from '../core/settings-error.ts';
import { modelDocument } from '../core/status-document.ts';
import { frameworkDoubts } from '../core/analysis/analyze.ts';
import { valueOf } from '../core/known.ts';
import { canBeInferenceService, inferenceServiceOf } from '../core/trained-model.ts';
import type { TrainedModel } from '../core/trained-model.ts';
import { isApiError } from '../kube/api-error.ts';
import { getIfThere } from '../kube/get-if-there.ts';
import { INFERENCE_SERVICES, TRAINED_MODELS } from '../kube/resources.ts';
import type { ClusterConnection } from './cluster-connection.ts';
import { withCluster } from './cluster-connection.ts';
import { followModel } from './follow-model.ts';
import type { CommandIo } from './io.ts';
import { knownAnswer } from './known-answers.ts';
import type { LoadFlags } from './load.ts';
import { structured } from './output.ts';
import { NotInTimeError } from './wait-flags.ts';

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
 * Applies the TrainedModel and, unless told otherwise, waits until it is Ready.
 *
 * @throws {NotInTimeError} with the reason, when it is not; LoadFlagsError, ApiError
 */
export async function loadModel(io: CommandIo, name: string, flags: LoadFlags): Promise<void> {
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
  const found = await knownAnswer(getIfThere(client, INFERENCE_SERVICES, { namespace, name }));
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
    `model ${metadata.name} was not Ready ${when}: ${last}; it goes on being tried${seeWhy(metadata)}`,
  );
}
