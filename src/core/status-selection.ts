import type { ClusterOverview } from './cluster-overview.ts';
import { nearNames } from './near-names.ts';

/** A name that neither an InferenceService nor a TrainedModel has. */
export interface MissingName {
  readonly wanted: string;
  /** Names that may have been meant. */
  readonly near: readonly string[];
}

export interface StatusSelection extends ClusterOverview {
  readonly missing: readonly MissingName[];
}

/** What may stand before a name, as kubectl has it: `isvc/flowers`. */
const SERVICE_KINDS: ReadonlySet<string> = new Set(['inferenceservice', 'inferenceservices', 'isvc']);
const MODEL_KINDS: ReadonlySet<string> = new Set(['trainedmodel', 'trainedmodels', 'tm', 'model']);

/**
 * The InferenceServices of these names with all their models, and the models of these names; everything without a name. A name
 * that both have means both, unless its kind stands before it.
 */
export function selectStatus(overview: ClusterOverview, names: readonly string[]): StatusSelection {
  if (names.length === 0) return { ...overview, missing: [] };
  const wanted = names.map(readName);
  const services = overview.inferenceServices.filter(({ name }) =>
    wanted.some((one) => one.kind !== 'model' && one.name === name),
  );
  const served = new Set(services.map(({ namespace, name }) => `${namespace}/${name}`));
  const models = overview.models.filter(
    ({ namespace, name, inferenceService }) =>
      served.has(`${namespace}/${inferenceService ?? ''}`) ||
      wanted.some((one) => one.kind !== 'service' && one.name === name),
  );
  const known = new Set([...services, ...models].map(({ name }) => name));
  const all = [...overview.inferenceServices, ...overview.models].map(({ name }) => name);
  return {
    inferenceServices: services,
    models,
    missing: wanted
      .filter(({ name }) => !known.has(name))
      .map(({ name }) => ({ wanted: name, near: nearNames(name, all) })),
  };
}

function readName(text: string): { readonly kind: 'service' | 'model' | 'either'; readonly name: string } {
  const slash = text.indexOf('/');
  const kind = text.slice(0, Math.max(0, slash)).toLowerCase();
  const name = text.slice(slash + 1);
  if (SERVICE_KINDS.has(kind)) return { kind: 'service', name };
  return { kind: MODEL_KINDS.has(kind) ? 'model' : 'either', name };
}
