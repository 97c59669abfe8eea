import type { InferenceService } from '../../contract/inference-service.ts';
import { shortened } from '../../contract/cause-text.ts';
import { isRecord, recordsIn } from '../../lib/json.ts';
import type { JsonObject } from '../../lib/json.ts';
import { predictorName } from '../../contract/names.ts';
import { conditionsOf, OWN_CONDITIONS } from './predictor-conditions.decide.ts';
import type { Condition, ConditionType, PredictorOutcome } from '../../contract/predictor-outcome.ts';
import { transitionConditions, transitionOf } from './predictor-transition.decide.ts';
import type { Transition } from './predictor-transition.decide.ts';

/**
 * The desired status of an InferenceService: its own, with the fields that a predictor controller manages. Equal to the
 * stored one when nothing has changed, times included.
 * @param now RFC 3339, for conditions whose status changes
 */
export function nextStatus(
  { metadata, status: before }: InferenceService,
  whole: PredictorOutcome,
  now: string,
): JsonObject {
  const outcome = short(whole);
  const status = isRecord(before) ? (before as JsonObject) : {};
  const conditions = conditionsOf(outcome, metadata.name, storedReadiness(status));
  const transition = transitionOf(outcome, conditions.get('PredictorReady'));
  const components = isRecord(status['components']) ? status['components'] : {};
  const url = `http://${predictorName(metadata.name)}.${metadata.namespace ?? ''}.svc.cluster.local`;
  return {
    ...withoutRuntime(status),
    ...(outcome.kind === 'deployed'
      ? {
          url,
          address: { url },
          components: { ...components, predictor: { url } },
          deploymentMode: 'Standard',
        }
      : {}),
    ...runtimeFields(status, outcome),
    modelStatus: modelStatus(status, transition),
    observedGeneration: metadata.generation ?? 0,
    conditions: mergeConditions(
      status['conditions'],
      new Map([...conditions, ...transitionConditions(transition)]),
      now,
    ),
  };
}

/**
 * The limit of a message, which may quote a tenant's text: it is stored three times, and the API server refuses a
 * status that is too large.
 */
const LONGEST_MESSAGE = 4096;

function short(outcome: PredictorOutcome): PredictorOutcome {
  return 'message' in outcome
    ? { ...outcome, message: shortened(outcome.message, LONGEST_MESSAGE) }
    : outcome;
}

const RUNTIME_FIELDS = new Set(['servingRuntimeName', 'clusterServingRuntimeName']);

function withoutRuntime(status: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(status).filter(([field]) => !RUNTIME_FIELDS.has(field)));
}

function runtimeFields(status: JsonObject, outcome: PredictorOutcome): JsonObject {
  if (outcome.kind !== 'deployed') {
    return Object.fromEntries(Object.entries(status).filter(([field]) => RUNTIME_FIELDS.has(field)));
  }
  if (outcome.runtime === undefined) return {};
  const { kind, name } = outcome.runtime;
  return { [kind === 'ServingRuntime' ? 'servingRuntimeName' : 'clusterServingRuntimeName']: name };
}

/** KServe's `modelStatus`, with the last failure while it lasts. */
function modelStatus(status: JsonObject, { state, failure }: Transition): JsonObject {
  const before = isRecord(status['modelStatus']) ? status['modelStatus'] : {};
  const others = Object.fromEntries(Object.entries(before).filter(([field]) => field !== 'lastFailureInfo'));
  return {
    ...others,
    transitionStatus: state,
    ...(failure === undefined ? {} : { lastFailureInfo: { ...failure } }),
  };
}

/** Conditions of other writers stay. The time is that of the last change of the status. */
function mergeConditions(
  before: unknown,
  wanted: ReadonlyMap<ConditionType, Condition>,
  now: string,
): JsonObject[] {
  const existing = recordsIn(before);
  const others = existing.filter(({ type }) => !OWN_CONDITIONS.has(type as ConditionType));
  const ours = [...wanted].map(([type, condition]) => {
    const previous = existing.find((candidate) => candidate['type'] === type);
    const unchanged = previous?.['status'] === condition.status ? previous['lastTransitionTime'] : undefined;
    return { type, ...condition, lastTransitionTime: unchanged ?? now };
  });
  return [...others, ...ours];
}

/** The stored status of PredictorReady. */
function storedReadiness(status: JsonObject): string | undefined {
  const stored = recordsIn(status['conditions']).find(({ type }) => type === 'PredictorReady')?.['status'];
  return typeof stored === 'string' ? stored : undefined;
}
