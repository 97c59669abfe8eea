import type { ClusterOverview } from './cluster-overview.ts';
import type { Target, TargetKind } from './explanation/target.ts';
import { nearNames } from './near-names.ts';

/** A name that neither an InferenceService nor a TrainedModel has. */
export interface MissingName {
  readonly wanted: string;
  /** Where it was asked for as one of these. */
  readonly kind?: TargetKind;
  /** Names that may have been meant. */
  readonly near: readonly string[];
}

export interface StatusSelection extends ClusterOverview {
  readonly missing: readonly MissingName[];
}

/**
 * The InferenceServices of these names with all their models, and the models of these names; everything without a name. A name
 * that both have means both, unless its kind stands before it.
 */
export function selectStatus(overview: ClusterOverview, names: readonly Target[]): StatusSelection {
  if (names.length === 0) return { ...overview, missing: [] };
  const isWanted = (kind: TargetKind, name: string): boolean =>
    names.some((one) => one.name === name && (one.kind ?? kind) === kind);
  const services = overview.inferenceServices.filter(({ name }) => isWanted('InferenceService', name));
  const served = new Set(services.map(({ namespace, name }) => `${namespace}/${name}`));
  const models = overview.models.filter(
    ({ namespace, name, inferenceService }) =>
      served.has(`${namespace}/${inferenceService ?? ''}`) || isWanted('TrainedModel', name),
  );
  return { inferenceServices: services, models, missing: missingIn(overview, names) };
}

/** Without the InferenceServices that are not multi-model, unless a TrainedModel names them: then something is wrong. */
export function onlyMultiModel(overview: ClusterOverview): ClusterOverview {
  const inferenceServices = overview.inferenceServices.filter(
    ({ multiModel, models }) => multiModel || models.total > 0,
  );
  return { ...overview, inferenceServices };
}

function missingIn({ inferenceServices, models }: ClusterOverview, names: readonly Target[]): MissingName[] {
  const ofKind = { InferenceService: inferenceServices, TrainedModel: models } as const;
  const known = (['InferenceService', 'TrainedModel'] as const).flatMap((kind) =>
    ofKind[kind].map(({ name }) => ({ kind, name })),
  );
  return names
    .filter((one) => !known.some(({ kind, name }) => name === one.name && (one.kind ?? kind) === kind))
    .map(({ kind, name }) => {
      const others = known.filter((one) => one.name === name).map((one) => `${SHORT[one.kind]}/${name}`);
      const near = nearNames(
        name,
        known.filter((one) => (kind ?? one.kind) === one.kind).map((one) => one.name),
      );
      return { wanted: name, ...(kind !== undefined && { kind }), near: others.length > 0 ? others : near };
    });
}

/** As kubectl has them. */
const SHORT = { InferenceService: 'isvc', TrainedModel: 'tm' } as const;
