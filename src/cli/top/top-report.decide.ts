import { compareText } from '../../lib/compare-text.ts';
import type { Traffic, TrafficFigures } from '../../contract/model-traffic.ts';
import { figuresOf, NO_TRAFFIC, sumOf } from '../../contract/model-traffic.ts';
import { residencyDocument, residentServices } from './top-residency.decide.ts';
import type { PodResidency } from './top-residency.decide.ts';
import type { Bytes } from '../../lib/quantity.ts';
import { bytes } from '../../lib/quantity.ts';
import { inferenceServiceOf, readTrainedModel } from '../../contract/trained-model.ts';
import type { TrainedModel } from '../../contract/trained-model.ts';

/** What one pod's agent reported of its requests, or why it did not. */
export interface PodTraffic {
  readonly namespace: string;
  readonly pod: string;
  readonly inferenceService: string;
  /** Undefined when it could not be asked. */
  readonly models: ReadonlyMap<string, Traffic> | undefined;
  readonly why?: string;
  /** Only of agents with on-demand residency. */
  readonly residency?: PodResidency;
}

export interface TopModel extends TrafficFigures {
  readonly namespace: string;
  readonly name: string;
  readonly inferenceService: string | undefined;
  /** Declared; undefined where it is no quantity. */
  readonly memory: Bytes | undefined;
  /** Pods that reported it, of all pods. */
  readonly pods: { readonly told: number; readonly total: number };
}

export type TopOrder = 'memory' | 'requests' | 'errors' | 'latency' | 'name';

/** Every model with its memory and requests, the largest first. */
export function topModels(
  models: readonly TrainedModel[],
  pods: readonly PodTraffic[],
  order: TopOrder,
): TopModel[] {
  const byService = new Map<string, PodTraffic[]>();
  for (const pod of pods) {
    const key = `${pod.namespace}/${pod.inferenceService}`;
    byService.set(key, [...(byService.get(key) ?? []), pod]);
  }
  return models
    .map((model): TopModel => {
      const { name, namespace = '' } = model.metadata;
      const inferenceService = inferenceServiceOf(model);
      const its = byService.get(`${namespace}/${inferenceService ?? ''}`) ?? [];
      const reported = its.flatMap((pod) => pod.models ?? []);
      const traffic = reported.reduce((sum, of) => sumOf(sum, of.get(name) ?? NO_TRAFFIC), NO_TRAFFIC);
      const reading = readTrainedModel(model);
      return {
        ...{ namespace, name, inferenceService, ...figuresOf(traffic) },
        memory: reading.kind === 'usable' ? reading.memory : undefined,
        pods: { told: reported.length, total: its.length },
      };
    })
    .sort((a, b) => sizeBy(b, order) - sizeBy(a, order) || byName(a, b));
}

function sizeBy(model: TopModel, order: TopOrder): number {
  switch (order) {
    case 'memory':
      return Number(model.memory ?? bytes(0));
    case 'requests':
      return model.requests;
    case 'errors':
      return model.errors;
    case 'latency':
      return model.p99Ms ?? -1;
    case 'name':
      return 0;
  }
}

function byName(a: TopModel, b: TopModel): number {
  return compareText(a.namespace, b.namespace) || compareText(a.name, b.name);
}

/** Within a version fields are added, never removed or given another meaning. */
export const TOP_DOCUMENT_VERSION = 'kserve-mms/top.v1';

/** The JSON of `mms top`. Times in milliseconds; null when unknown. */
export function topDocument(
  models: readonly TopModel[],
  pods: readonly PodTraffic[],
  overSeconds: number | undefined,
): object {
  return {
    version: TOP_DOCUMENT_VERSION,
    /** Null: since the agents started. */
    overSeconds: overSeconds ?? null,
    models: models.map(({ memory, inferenceService, requests, errors, meanMs, p50Ms, p99Ms, ...rest }) => ({
      ...rest,
      ...(rest.pods.told === 0 ? { requests: null, errors: null } : { requests, errors }),
      inferenceService: inferenceService ?? null,
      memoryBytes: memory === undefined ? null : Number(memory),
      ...{ meanMs: meanMs ?? null, p50Ms: p50Ms ?? null, p99Ms: p99Ms ?? null },
    })),
    // No residency when all models stay in memory.
    ...residencyDocument(residentServices(pods)),
    pods: pods.map(({ models, why, residency: _residency, ...rest }) => ({
      ...rest,
      told: models !== undefined,
      why: why ?? null,
    })),
  };
}
