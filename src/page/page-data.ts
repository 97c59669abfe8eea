import { milliseconds, seconds } from '../lib/clock.ts';
import type { Clock, MonotonicMs } from '../lib/clock.ts';
import { messageOf } from '../lib/errors.ts';
import type { ObjectKey } from '../contract/kubernetes.ts';
import { keyOf, objectKey } from '../contract/kubernetes.ts';
import { PAGE_ROWS, PAGE_VERSION } from './page-documents.decide.ts';
import type {
  ModelDocument,
  ModelState,
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

/** What the page shows, from what this replica has cached. */
export interface PageData {
  services(asked: { readonly filter: string; readonly from: number }): ServicesDocument;
  service(asked: {
    readonly namespace: string;
    readonly name: string;
    readonly filter: string;
    readonly state: ModelState | undefined;
    readonly from: number;
  }): ServiceDocument;
  model(asked: { readonly namespace: string; readonly name: string }): ModelDocument;
}

/** However many look at the page, and however much changes: the models are counted no more often than this. */
const COUNT_EVERY = milliseconds(500);
/** The API server sends a bookmark about once a minute; see docs/operations.md, "Metrics". */
const SILENT_AFTER = seconds(180);
/** A watch that ends and is opened again is no silence yet. */
const SILENT_AFTER_ERROR = seconds(10);

export function createPageData({
  view,
  clock,
}: {
  readonly view: ClusterView;
  readonly clock: Clock;
}): PageData {
  const caches = [view.inferenceServices, view.trainedModels, view.pods, view.modelConfigs];
  const tallies = tallyKeeper(view, clock);

  return {
    services({ filter, from }) {
      const counted = tallies();
      const found = servicesFound(view, counted, filter).sort(compareServices);
      return {
        ...shared(caches, clock),
        totals: {
          inferenceServices: [...view.inferenceServices.cache.list()].length,
          models: totalOf(counted.values()),
        },
        ...{ found: found.length, from, services: found.slice(from, from + PAGE_ROWS) },
      };
    },
    service({ from, ...asked }) {
      const key = objectKey(asked.namespace, asked.name);
      const known =
        view.trainedModelsByKey.sizeOf(key) > 0 || view.inferenceServices.cache.get(key) !== undefined;
      const found = modelsFound(view.trainedModelsByKey.group(key), asked).sort(compareModels);
      const models = found.slice(from, from + PAGE_ROWS).map(({ model }) => modelRowOf(model));
      return {
        ...shared(caches, clock),
        service: known ? rowOf(view, key, tallies()) : null,
        ...{ found: found.length, from, models },
      };
    },
    model({ namespace, name }) {
      const model = view.trainedModels.cache.get(objectKey(namespace, name));
      return { ...shared(caches, clock), model: model === undefined ? null : modelPageOf(model) };
    },
  };
}

/** Counts again only when something has changed since, and not at every request. */
function tallyKeeper(view: ClusterView, clock: Clock): () => ReadonlyMap<ObjectKey, ModelTally> {
  let counted: { readonly at: MonotonicMs; readonly tallies: ReadonlyMap<ObjectKey, ModelTally> } | undefined;
  return () => {
    const now = clock.monotonic();
    const heardAt = view.trainedModels.heardAt ?? 0;
    // What came in the millisecond of the count may have come after it.
    const isCurrent =
      counted !== undefined && now >= counted.at && (heardAt < counted.at || now < counted.at + COUNT_EVERY);
    if (counted === undefined || !isCurrent) {
      counted = { at: now, tallies: tallyModels(view.trainedModels.cache.list()) };
    }
    return counted.tallies;
  };
}

/** InferenceServices that are there, and those that models name. */
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

/** What their order depends on; only those that are shown are looked at closer. */
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

/** A cache of which nothing was heard for too long. */
function silenceOf(caches: readonly AnyReflector[], clock: Clock): PageDocument['silent'] {
  for (const { heardAt, lastError } of caches) {
    if (heardAt === undefined) continue;
    const span = clock.monotonic() - heardAt;
    if (span < (lastError === undefined ? SILENT_AFTER : SILENT_AFTER_ERROR)) continue;
    const why = lastError === undefined ? 'nothing has come from it' : messageOf(lastError);
    return { since: new Date(clock.now() - span).toISOString(), why };
  }
  return null;
}
