import { compareText } from '../lib/compare-text.ts';
import { memoryLimitOf } from '../contract/inference-service.ts';
import type { InferenceService } from '../contract/inference-service.ts';
import { recordsIn } from '../lib/json.ts';
import type { ObjectKey } from '../contract/kubernetes.ts';
import { splitKey } from '../contract/kubernetes.ts';
import { describeMmsDecision, isMMSPredictor } from '../contract/mms-predictor.ts';
import { MODEL_STATES } from './page-documents.decide.ts';
import type { ModelRow, ModelState, ServiceRow, StateCounts } from './page-documents.decide.ts';
import { conditionOf, standingOf } from './page-model.decide.ts';
import { keyOfTrainedModel } from '../contract/reconcile-keys.ts';
import type { TrainedModel } from '../contract/trained-model.ts';

/** What is counted over the models of one InferenceService. */
export interface ModelTally {
  readonly models: StateCounts;
  readonly lastError: ServiceRow['lastError'];
}

export const EMPTY_TALLY: ModelTally = { models: countsOf(() => 0), lastError: null };

/** Counts over all models, by the InferenceService that they name. Models that name none have no place on the page. */
export function tallyModels(models: Iterable<TrainedModel>): ReadonlyMap<ObjectKey, ModelTally> {
  const tallies = new Map<
    ObjectKey,
    { models: Record<ModelState, number>; lastError: ServiceRow['lastError'] }
  >();
  for (const model of models) {
    const key = keyOfTrainedModel(model);
    if (key === undefined) continue;
    const tally = tallies.get(key) ?? { models: countsOf(() => 0), lastError: null };
    tallies.set(key, tally);
    const { state, reason, message, since } = standingOf(model);
    const failedBefore = tally.models.Failed + tally.models.Unreachable > 0;
    tally.models[state] += 1;
    const hasFailed = state === 'Failed' || state === 'Unreachable';
    // A failure is more in the way than any wait.
    if (!hasFailed && (failedBefore || state !== 'Waiting')) continue;
    const isFirstOfItsKind = hasFailed && !failedBefore;
    if (isFirstOfItsKind || since >= (tally.lastError?.since ?? '')) {
      tally.lastError = { model: model.metadata.name, message: message === '' ? reason : message, since };
    }
  }
  return tallies;
}

/** The sum over all InferenceServices. */
export function totalOf(tallies: Iterable<ModelTally>): StateCounts {
  const all = [...tallies];
  return countsOf((state) => all.reduce((sum, { models }) => sum + models[state], 0));
}

function countsOf(count: (state: ModelState) => number): Record<ModelState, number> {
  const counts = MODEL_STATES.map((state): [ModelState, number] => [state, count(state)]);
  return Object.fromEntries(counts) as Record<ModelState, number>;
}

/** What is known of one InferenceService from elsewhere than its models' statuses. */
interface ServiceSurroundings {
  readonly inferenceService: InferenceService | undefined;
  /** Of each predictor pod with an agent, whether it is ready. */
  readonly pods: readonly boolean[];
  readonly shards: number;
  /** Bytes that its models declare together. */
  readonly declared: bigint;
  readonly matching: number;
}

/** One line of the list of InferenceServices. */
export function serviceRowOf(
  key: ObjectKey,
  tally: ModelTally,
  { inferenceService, pods, shards, declared, matching }: ServiceSurroundings,
): ServiceRow {
  const replicas = { ready: pods.filter((ready) => ready).length, total: pods.length };
  const shared = { ...splitKey(key), replicas, shards, matching, ...tally };
  if (inferenceService === undefined) {
    const why = 'there is no InferenceService of this name in the namespace; its models wait for it';
    const memory = { declared: Number(declared), limit: null };
    return { ...shared, exists: false, multiModel: false, why, ready: 'Unknown', notReady: '', memory };
  }
  const decision = isMMSPredictor(inferenceService.spec?.predictor);
  const limit = memoryLimitOf(inferenceService);
  return {
    ...{ ...shared, exists: true, multiModel: decision.isMms, why: describeMmsDecision(decision) },
    ...readinessOf(inferenceService, replicas.ready > 0),
    memory: { declared: Number(declared), limit: limit === undefined ? null : Number(limit) },
  };
}

/** As its status has it; where no controller writes that, one ready pod is enough, as for the models' InferenceServiceReady. */
function readinessOf(
  { status }: InferenceService,
  anyPodReady: boolean,
): Pick<ServiceRow, 'ready' | 'notReady'> {
  const condition = recordsIn(status?.conditions)
    .map(conditionOf)
    .find(({ type }) => type === 'Ready');
  if (condition === undefined) return { ready: anyPodReady ? 'True' : 'Unknown', notReady: '' };
  if (condition.status === 'True') return { ready: 'True', notReady: '' };
  const notReady = [condition.reason, condition.message].filter((text) => text !== '').join(': ');
  return { ready: condition.status === 'False' ? 'False' : 'Unknown', notReady };
}

/** Trouble first; names decide between equals, so that lines stay where they are while numbers change. */
export function compareServices(a: ServiceRow, b: ServiceRow): number {
  return troubleOf(a) - troubleOf(b) || compareText(a.namespace, b.namespace) || compareText(a.name, b.name);
}

/** The less the worse. */
function troubleOf({ models, exists, multiModel, ready }: ServiceRow): number {
  const total = MODEL_STATES.reduce((sum, state) => sum + models[state], 0);
  if (models.Failed > 0 || models.Unreachable > 0) return 0;
  if (models.Waiting > 0 || !exists || (multiModel && ready === 'False')) return 1;
  if (models.OnTheWay > 0 || models.Unknown > 0) return 2;
  return total > 0 ? 3 : multiModel ? 4 : 5;
}

type Placed = Pick<ModelRow, 'state' | 'name'>;

/** Trouble first, then by name. */
export function compareModels(a: Placed, b: Placed): number {
  return MODEL_STATES.indexOf(a.state) - MODEL_STATES.indexOf(b.state) || compareText(a.name, b.name);
}
