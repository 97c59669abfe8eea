import { shortened } from '../contract/cause-text.ts';
import { compareText } from '../lib/compare-text.ts';
import { memoryLimitOf } from '../contract/inference-service.ts';
import type { InferenceService } from '../contract/inference-service.ts';
import { recordsIn } from '../lib/json.ts';
import type { ObjectKey } from '../contract/kubernetes.ts';
import { splitKey } from '../contract/kubernetes.ts';
import { describeMmsDecision, isMMSPredictor } from '../contract/mms-predictor.ts';
import { MODEL_STATES, ROW_MESSAGE } from './page-documents.decide.ts';
import type { ModelRow, ModelState, Obstacle, ServiceRow, StateCounts } from './page-documents.decide.ts';
import { conditionOf, standingOf } from './page-model.decide.ts';
import { keyOfTrainedModel } from '../contract/reconcile-keys.ts';
import type { TrainedModel } from '../contract/trained-model.ts';

/** The counts of one InferenceService's models. */
export interface ModelTally {
  readonly models: StateCounts;
  readonly obstacles: readonly Obstacle[];
}

export const EMPTY_TALLY: ModelTally = { models: countsOf(() => 0), obstacles: [] };

/** How many reasons are shown separately for one InferenceService; a status may contain any text. */
const REASONS_SHOWN = 8;

/** The states with trouble. */
const OBSTRUCTED: ReadonlySet<ModelState> = new Set(['Failed', 'Unreachable', 'Waiting']);

/** The mutable counts. */
interface TallyDraft {
  readonly models: Record<ModelState, number>;
  /** By state and reason. */
  readonly obstacles: Map<string, Obstacle & { readonly state: ModelState }>;
}

/** Counts all models by the InferenceService that they name. Models that name none are not on the page. */
export function tallyModels(models: Iterable<TrainedModel>): ReadonlyMap<ObjectKey, ModelTally> {
  const drafts = new Map<ObjectKey, TallyDraft>();
  for (const model of models) {
    const key = keyOfTrainedModel(model);
    if (key === undefined) continue;
    const draft: TallyDraft = drafts.get(key) ?? { models: countsOf(() => 0), obstacles: new Map() };
    drafts.set(key, draft);
    count(draft, model);
  }
  return new Map([...drafts].map(([key, draft]) => [key, { ...draft, obstacles: obstaclesOf(draft) }]));
}

function count({ models, obstacles }: TallyDraft, model: TrainedModel): void {
  const { state, reason, message, since } = standingOf(model);
  models[state] += 1;
  if (!OBSTRUCTED.has(state)) return;
  const own = `${state} ${reason}`;
  const isShown = obstacles.has(own) || obstacles.size < REASONS_SHOWN;
  // Those beyond the limit are counted together, by state.
  const place = isShown ? own : state;
  const before = obstacles.get(place);
  const newest =
    before !== undefined && before.since > since
      ? before
      : { model: model.metadata.name, message: message === '' ? reason : message, since };
  const { model: name, message: said, since: at } = newest;
  obstacles.set(place, {
    ...{ state, reason: isShown ? reason : '', count: (before?.count ?? 0) + 1 },
    ...{ model: name, message: said, since: at },
  });
}

/** The worst state first; within a state, the most frequent first. */
function obstaclesOf({ obstacles }: TallyDraft): readonly Obstacle[] {
  return [...obstacles.values()]
    .sort(
      (a, b) =>
        MODEL_STATES.indexOf(a.state) - MODEL_STATES.indexOf(b.state) ||
        b.count - a.count ||
        compareText(a.reason, b.reason),
    )
    .map(({ state: _state, message, ...rest }) => ({ ...rest, message: shortened(message, ROW_MESSAGE) }));
}

/** The sum over all InferenceServices. */
export function totalOf(tallies: Iterable<ModelTally>): StateCounts {
  const all = [...tallies];
  return countsOf((state) => all.reduce((sum, { models }) => sum + models[state], 0));
}

/** How many models name the InferenceService. */
export function modelsOf({ models }: Pick<ServiceRow, 'models'>): number {
  return MODEL_STATES.reduce((sum, state) => sum + models[state], 0);
}

function countsOf(count: (state: ModelState) => number): Record<ModelState, number> {
  const counts = MODEL_STATES.map((state): [ModelState, number] => [state, count(state)]);
  return Object.fromEntries(counts) as Record<ModelState, number>;
}

/** The facts about one InferenceService other than its models' statuses. */
interface ServiceSurroundings {
  readonly inferenceService: InferenceService | undefined;
  /** Of each predictor pod with an agent, whether it is ready. */
  readonly pods: readonly boolean[];
  readonly shards: number;
  /** Bytes that its models declare together. */
  readonly declared: bigint;
  readonly matching: number;
}

/** One row of the list of InferenceServices. */
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

/** From its status; if no controller writes that, one ready pod is enough, as for the models' InferenceServiceReady. */
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

/** Troubled ones first, then by name, so that rows keep their place while numbers change. */
export function compareServices(a: ServiceRow, b: ServiceRow): number {
  return troubleOf(a) - troubleOf(b) || compareText(a.namespace, b.namespace) || compareText(a.name, b.name);
}

/** Lower is worse. */
function troubleOf({ models, exists, multiModel, ready }: ServiceRow): number {
  if (models.Failed > 0 || models.Unreachable > 0) return 0;
  if (models.Waiting > 0 || !exists || (multiModel && ready === 'False')) return 1;
  if (models.OnTheWay > 0 || models.Unknown > 0) return 2;
  return modelsOf({ models }) > 0 ? 3 : multiModel ? 4 : 5;
}

type Placed = Pick<ModelRow, 'state' | 'name'>;

/** Troubled ones first, then by name. */
export function compareModels(a: Placed, b: Placed): number {
  return MODEL_STATES.indexOf(a.state) - MODEL_STATES.indexOf(b.state) || compareText(a.name, b.name);
}
