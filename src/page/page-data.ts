import { milliseconds, seconds } from '../lib/clock.ts';
import type { Clock, MonotonicMs } from '../lib/clock.ts';
import { messageOf } from '../lib/errors.ts';
import type { ObjectKey } from '../contract/kubernetes.ts';
import { keyOf, objectKey, splitKey } from '../contract/kubernetes.ts';
import { isMMSPredictor } from '../contract/mms-predictor.ts';
import { explainModel } from '../explanation/explain-model.decide.ts';
import { explainInferenceService } from '../explanation/explain-service.decide.ts';
import { adviceKeeper } from './kept-advice.ts';
import { adviceOf } from './page-advice.decide.ts';
import { pageModelFacts, pageServiceFacts } from './page-facts.ts';
import type { Precedence } from './page-facts.ts';
import { modelReplica, serviceReplica } from './page-replica.decide.ts';
import type { ReadSurroundings } from './page-surroundings.ts';
import { PAGE_ROWS, PAGE_VERSION } from './page-documents.decide.ts';
import type {
  ModelDocument,
  ModelPage,
  ModelState,
  Advice,
  PageDocument,
  ServiceDocument,
  ServiceRow,
  ServicesDocument,
} from './page-documents.decide.ts';
import { modelPageOf, modelRowOf, standingOf } from './page-model.decide.ts';
import {
  compareModels,
  compareServices,
  EMPTY_TALLY,
  modelsOf,
  serviceRowOf,
  tallyModels,
  totalOf,
} from './page-service.decide.ts';
import type { ModelTally } from './page-service.decide.ts';
import { keyOfTrainedModel } from '../contract/reconcile-keys.ts';
import type { TrainedModel } from '../contract/trained-model.ts';
import { servesModels } from '../contract/watched-pod.ts';
import { missingFrom } from '../kube/cluster-view.ts';
import type { AnyReflector, ClusterView } from '../kube/cluster-view.ts';

/** The contents of the page, from this replica's caches. */
export interface PageData {
  services(asked: {
    readonly filter: string;
    readonly multiModel: boolean;
    readonly from: number;
  }): ServicesDocument;
  service(asked: {
    readonly namespace: string;
    readonly name: string;
    readonly filter: string;
    readonly state: ModelState | undefined;
    readonly from: number;
  }): Promise<ServiceDocument>;
  model(asked: { readonly namespace: string; readonly name: string }): Promise<ModelDocument>;
}

/** Models are counted no more often than this, whatever the number of viewers and changes. */
const COUNT_EVERY = milliseconds(500);
/** The API server sends a bookmark about once a minute; see docs/operations.md, "Metrics". */
const SILENT_AFTER = seconds(180);
/** A watch that ends and reopens is not silent yet. */
const SILENT_AFTER_ERROR = seconds(10);

/** The sources of the answers. */
interface PageSources {
  readonly view: ClusterView;
  readonly clock: Clock;
  /** Which controller's decision holds when memory is short. */
  readonly first: Precedence;
  readonly surroundings: ReadSurroundings;
}

interface CloserSources extends PageSources {
  readonly advice: ReturnType<typeof adviceKeeper>;
}

export function createPageData(sources: PageSources): PageData {
  const { view, clock } = sources;
  const caches = [view.inferenceServices, view.trainedModels, view.pods, view.modelConfigs];
  const tallies = tallyKeeper(view, clock);
  const around = { ...sources, advice: adviceKeeper(caches, clock) };

  return {
    services({ filter, multiModel, from }) {
      const counted = tallies();
      const found = servicesFound(view, counted, filter)
        .filter((row) => !multiModel || row.multiModel || modelsOf(row) > 0)
        .sort(compareServices);
      return {
        ...shared(caches, clock),
        totals: {
          inferenceServices: [...view.inferenceServices.cache.list()].length,
          models: totalOf(counted.values()),
        },
        ...{ found: found.length, from, services: found.slice(from, from + PAGE_ROWS) },
      };
    },
    async service({ from, ...asked }) {
      const key = objectKey(asked.namespace, asked.name);
      const known =
        view.trainedModelsByKey.sizeOf(key) > 0 || view.inferenceServices.cache.get(key) !== undefined;
      const closer = known ? await closerLook(around, key) : { advice: null, replicas: NO_REPLICAS };
      const found = modelsFound(view.trainedModelsByKey.group(key), asked).sort(compareModels);
      const models = found.slice(from, from + PAGE_ROWS).map(({ model }) => modelRowOf(model));
      return {
        ...shared(caches, clock),
        service: known ? rowOf(view, key, tallies()) : null,
        ...closer,
        ...{ found: found.length, from, models },
      };
    },
    async model({ namespace, name }) {
      const model = view.trainedModels.cache.get(objectKey(namespace, name));
      const page = model === undefined ? null : await modelPage(around, model);
      return { ...shared(caches, clock), model: page };
    },
  };
}

const NO_REPLICAS = { total: 0, shown: [] };

/** The parts of an InferenceService's view that no cache has: advice, and reports of its replicas. */
async function closerLook(
  { view, clock, first, surroundings, advice }: CloserSources,
  key: ObjectKey,
): Promise<Pick<ServiceDocument, 'advice' | 'replicas'>> {
  const { pods, replicas } = await surroundings(key);
  const isServed =
    view.trainedModelsByKey.sizeOf(key) > 0 ||
    isMMSPredictor(view.inferenceServices.cache.get(key)?.spec?.predictor).isMms;
  const explained = (): Advice | null => {
    const facts = pageServiceFacts(splitKey(key), { view, first, pods, now: clock.now() });
    return adviceOf(explainInferenceService(facts), '');
  };
  return {
    // An InferenceService with a model of its own needs no advice.
    advice: isServed ? advice(`InferenceService ${key}`, pods, explained) : null,
    replicas: { ...replicas, shown: replicas.shown.map(serviceReplica) },
  };
}

async function modelPage(
  { view, clock, first, surroundings, advice }: CloserSources,
  model: TrainedModel,
): Promise<ModelPage> {
  const page = modelPageOf(model);
  const key = keyOfTrainedModel(model);
  const { pods, replicas } =
    key === undefined ? { pods: NO_PODS, replicas: NO_REPLICAS } : await surroundings(key);
  const explained = (): Advice | null =>
    adviceOf(explainModel(pageModelFacts(model, { view, first, pods, now: clock.now() })), page.message);
  return {
    ...page,
    advice: advice(`TrainedModel ${keyOf(model)}`, pods, explained),
    replicas: { ...replicas, shown: replicas.shown.map((one) => modelReplica(one, page.name)) },
  };
}

const NO_PODS = { kind: 'known', value: [] } as const;

/** Counts again only after a change, not at every request. */
function tallyKeeper(view: ClusterView, clock: Clock): () => ReadonlyMap<ObjectKey, ModelTally> {
  let counted: { readonly at: MonotonicMs; readonly tallies: ReadonlyMap<ObjectKey, ModelTally> } | undefined;
  return () => {
    const now = clock.monotonic();
    const heardAt = view.trainedModels.heardAt ?? 0;
    // A change in the millisecond of the count may have come after it.
    const isCurrent =
      counted !== undefined && now >= counted.at && (heardAt < counted.at || now < counted.at + COUNT_EVERY);
    if (counted === undefined || !isCurrent) {
      counted = { at: now, tallies: tallyModels(view.trainedModels.cache.list()) };
    }
    return counted.tallies;
  };
}

/** InferenceServices that exist, and those that models name. */
function servicesFound(
  view: ClusterView,
  counted: ReadonlyMap<ObjectKey, ModelTally>,
  filter: string,
): ServiceRow[] {
  const matching = matchesByKey(view, filter);
  const keys = new Set([...[...view.inferenceServices.cache.list()].map(keyOf), ...counted.keys()]);
  return [...keys]
    .filter((key) => filter === '' || matching.has(key) || includes(key, filter))
    .map((key) => rowOf(view, key, counted, matching.get(key)));
}

/** Only what their order depends on; the shown ones are examined further. */
function modelsFound(
  models: Iterable<TrainedModel>,
  { filter, state }: { readonly filter: string; readonly state: ModelState | undefined },
): { readonly model: TrainedModel; readonly name: string; readonly state: ModelState }[] {
  return [...models]
    .map((model) => ({ model, name: model.metadata.name, state: standingOf(model).state }))
    .filter(
      (one) => (filter === '' || includes(one.name, filter)) && (state === undefined || one.state === state),
    );
}

function matchesByKey(view: ClusterView, filter: string): ReadonlyMap<ObjectKey, number> {
  const matches = new Map<ObjectKey, number>();
  if (filter === '') return matches;
  for (const model of view.trainedModels.cache.list()) {
    const key = keyOfTrainedModel(model);
    if (key === undefined || !includes(model.metadata.name, filter)) continue;
    matches.set(key, (matches.get(key) ?? 0) + 1);
  }
  return matches;
}

function includes(name: string, filter: string): boolean {
  return name.toLowerCase().includes(filter.toLowerCase());
}

function rowOf(
  view: ClusterView,
  key: ObjectKey,
  tallies: ReadonlyMap<ObjectKey, ModelTally>,
  matching = 0,
): ServiceRow {
  const pods = [...view.podsByKey.group(key)].filter(servesModels);
  return serviceRowOf(key, tallies.get(key) ?? EMPTY_TALLY, {
    inferenceService: view.inferenceServices.cache.get(key),
    pods: pods.map(({ ready }) => ready),
    shards: view.modelConfigsByKey.sizeOf(key),
    declared: view.memoryByKey.sumOf(key),
    matching,
  });
}

function shared(caches: readonly AnyReflector[], clock: Clock): PageDocument {
  return { version: PAGE_VERSION, awaited: missingFrom(caches) ?? '', silent: silenceOf(caches, clock) };
}

/** A cache without news for too long. */
function silenceOf(caches: readonly AnyReflector[], clock: Clock): PageDocument['silent'] {
  for (const { heardAt, lastError } of caches) {
    if (heardAt === undefined) continue;
    const span = clock.monotonic() - heardAt;
    if (span < (lastError === undefined ? SILENT_AFTER : SILENT_AFTER_ERROR)) continue;
    const why = lastError === undefined ? 'nothing has come from it' : messageOf(lastError);
    // eslint-disable-next-line no-restricted-syntax -- a time for people
    return { since: new Date(clock.now() - span).toISOString(), why };
  }
  return null;
}
