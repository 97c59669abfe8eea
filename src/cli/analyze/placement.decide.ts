import type { InferenceService } from '../../contract/inference-service.ts';
import { describeMmsDecision } from '../../contract/mms-predictor.ts';
import { MODELS_JSON_CAPACITY, planModelConfig } from '../../contract/model-config-plan.ts';
import type { WaitingReason } from '../../contract/model-config-plan.ts';
import { formatBytes } from '../../lib/quantity.ts';
import type { Bytes } from '../../lib/quantity.ts';
import { readResidency } from '../../contract/residency.ts';
import { inferenceServiceOf, readTrainedModel } from '../../contract/trained-model.ts';
import type { TrainedModel } from '../../contract/trained-model.ts';
import type { FindingCode } from './catalogue.decide.ts';
import type { FieldPath, Finding, Named } from './finding.decide.ts';
import { mayShareNamespace } from './finding.decide.ts';
import { formatsOf, limitPath } from './inference-services.decide.ts';
import type { NamedRuntime } from './inference-services.decide.ts';
import { nearestName } from './nearest-name.decide.ts';

type NamedModel<T> = Named<T, TrainedModel>;
type NamedService<T> = Named<T, InferenceService>;

const SERVICE_PATH: FieldPath = ['spec', 'inferenceService'];

/** A predictor of this format reads the kind of each model from the model's own configuration. */
const ANY_FRAMEWORK = 'triton';

/** Why models wait, as far as it is not said of them by themselves. */
const WAITING: Readonly<Partial<Record<WaitingReason, readonly [FindingCode, FieldPath]>>> = {
  MemoryResourceNotAvailable: ['MMS213', ['spec', 'model', 'memory']],
  ConfigMapFull: ['MMS214', ['metadata', 'name']],
};

/** Names that are listed in a message; the rest is counted. */
const LISTED = 3;

/** What TrainedModels and InferenceServices of the files make of each other: the manager's own plan, without a cluster. */
export function placementFindings<T>(
  models: readonly NamedModel<T>[],
  services: readonly NamedService<T>[],
  runtimes: readonly NamedRuntime<T>[],
): Finding<T>[] {
  const byName = Map.groupBy(services, ({ name }) => name);
  const served = new Map<NamedService<T>, NamedModel<T>[]>(services.map((service) => [service, []]));
  const findings: Finding<T>[] = [];
  // Thousands of models may name the same one that is not there.
  const guesses = new Map<string, string | undefined>();
  for (const model of models) {
    const wanted = inferenceServiceOf(model.object);
    if (wanted === undefined) continue;
    const service = (byName.get(wanted) ?? []).find(({ namespace }) =>
      mayShareNamespace(model.namespace, namespace),
    );
    if (service === undefined) {
      if (!guesses.has(wanted)) guesses.set(wanted, nearestName(wanted, byName.keys()));
      findings.push(notFound(model, wanted, byName.get(wanted)?.[0], guesses.get(wanted)));
    } else served.get(service)?.push(model);
  }
  for (const [service, its] of served) findings.push(...serviceFindings(service, its, runtimes));
  return findings;
}

function notFound<T>(
  { subject, namespace }: NamedModel<T>,
  wanted: string,
  namesake: NamedService<T> | undefined,
  near: string | undefined,
): Finding<T> {
  const where = namespace === undefined ? '' : ` of namespace ${namespace}`;
  const elsewhere = `; the one of that name is in namespace ${namesake?.namespace ?? ''}, and a TrainedModel must be in the same`;
  const guess = near === undefined ? '' : `; did you mean ${near}?`;
  const message = `there is no InferenceService ${wanted}${where} in these files${namesake === undefined ? guess : elsewhere}`;
  return { code: 'MMS211', subject, path: SERVICE_PATH, message };
}

function serviceFindings<T>(
  service: NamedService<T>,
  models: readonly NamedModel<T>[],
  runtimes: readonly NamedRuntime<T>[],
): Finding<T>[] {
  const plan = planModelConfig({
    inferenceService: service.object,
    trainedModels: models.map(({ object }) => object),
    placed: new Set(),
    first: 'placed',
    capacity: MODELS_JSON_CAPACITY,
  });
  const { mms } = plan;
  if (mms !== undefined && !mms.isMms) {
    const message = `InferenceService ${service.name} is not multi-model: ${describeMmsDecision(mms)}`;
    return models.map(({ subject }) => ({ code: 'MMS212', subject, path: SERVICE_PATH, message }));
  }
  const waiting = new Map(plan.waiting.map((one) => [one.name, one]));
  const findings = models.flatMap(({ subject, name }): Finding<T>[] => {
    const { reason, message } = waiting.get(name) ?? {};
    const place = reason === undefined ? undefined : WAITING[reason];
    if (place === undefined || message === undefined) return [];
    return [{ code: place[0], subject, path: place[1], message }];
  });
  const { limit } = plan.memory;
  return [
    ...(limit === undefined || modelsTakeTurns(service.object) ? [] : overLimit(service, models, limit)),
    ...findings,
    ...frameworkFindings(service, models, runtimes),
  ];
}

/** Then what they declare together is no matter. */
function modelsTakeTurns({ metadata }: InferenceService): boolean {
  return readResidency(metadata.annotations).kind === 'on-demand';
}

function overLimit<T>(
  service: NamedService<T>,
  models: readonly NamedModel<T>[],
  limit: Bytes,
): Finding<T>[] {
  const readings = models
    .map(({ object }) => readTrainedModel(object))
    .filter(({ kind }) => kind === 'usable');
  const sum = readings.reduce((total, one) => total + (one.kind === 'usable' ? one.memory : 0n), 0n) as Bytes;
  if (sum <= limit) return [];
  const message = `its ${readings.length} models declare ${formatBytes(sum)} together, and the memory limit of its predictor is ${formatBytes(limit)}`;
  return [{ code: 'MMS306', subject: service.subject, path: limitPath(service.object), message }];
}

function frameworkFindings<T>(
  service: NamedService<T>,
  models: readonly NamedModel<T>[],
  runtimes: readonly NamedRuntime<T>[],
): Finding<T>[] {
  const formats = formatsOf(service, runtimes).map((format) => format.toLowerCase());
  if (formats.length === 0 || formats.includes(ANY_FRAMEWORK)) return [];
  const shown = formats.slice(0, LISTED).join(', ');
  return models.flatMap(({ subject, object }): Finding<T>[] => {
    const framework = object.spec?.model?.framework;
    if (typeof framework !== 'string' || framework === '' || formats.includes(framework.toLowerCase()))
      return [];
    const message = `its framework is ${JSON.stringify(framework).slice(0, 80)}, and the predictor of InferenceService ${service.name} is of the format ${shown}`;
    return [{ code: 'MMS215', subject, path: ['spec', 'model', 'framework'], message }];
  });
}
