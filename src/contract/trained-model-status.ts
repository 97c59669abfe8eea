import { compareText } from '../lib/compare-text.ts';
import { shortened } from './cause-text.ts';
import type { EpochMs } from '../lib/clock.ts';
import type { InferenceService } from './inference-service.ts';
import { isRecord } from '../lib/json.ts';
import { urlsOf } from './model-url.ts';
import type { ModelLoaded } from './model-loaded.ts';
import { isMMSPredictor } from './mms-predictor.ts';
import type { WaitingModel } from './model-config-plan.ts';
import type { TrainedModel } from './trained-model.ts';

/** Knative's `duck/v1.Condition`, as in KServe's CRD. No severity means an error. */
export interface Condition {
  readonly type: string;
  readonly status: 'True' | 'False' | 'Unknown';
  readonly reason?: string;
  readonly message?: string;
  readonly severity?: string;
  /** RFC 3339, whole seconds. */
  readonly lastTransitionTime?: string;
}

export interface TrainedModelStatus {
  readonly conditions?: readonly Condition[];
  readonly url?: string;
  readonly address?: { readonly url?: string };
  readonly observedGeneration?: number;
}

/**
 * Whether the status describes an earlier spec than the stored one. A status without a valid observedGeneration is
 * assumed to be current.
 */
export function hasOutdatedStatus({ metadata: { generation }, status }: TrainedModel): boolean {
  const observed = isRecord(status) ? status['observedGeneration'] : undefined;
  return typeof observed === 'number' && generation !== undefined && observed < generation;
}

/** The facts from which a TrainedModel's status is made. */
export interface StatusFacts {
  readonly model: TrainedModel;
  readonly inferenceService: InferenceService | undefined;
  readonly waiting: WaitingModel | undefined;
  readonly loaded: ModelLoaded;
  /** Whether any of its predictor pods is ready. Used only where nothing writes the InferenceService's status. */
  readonly anyPodReady: boolean;
}

/** The condition that this project adds to KServe's. */
export const MODEL_LOADED = 'ModelLoaded';
const READY = 'Ready';

/** The desired status. Transition times of unchanged conditions are kept. */
export function statusOf(
  facts: StatusFacts,
  stored: TrainedModelStatus | undefined,
  now: EpochMs,
): TrainedModelStatus {
  const { model, inferenceService } = facts;
  const { generation } = model.metadata;
  return {
    conditions: withTimes(
      [...kserveConditions(facts), modelLoaded(facts.loaded)].map(short),
      stored,
      now,
      isOwnFault,
    ),
    ...(inferenceService === undefined ? {} : urlsOf(model.metadata.name, inferenceService)),
    ...(generation !== undefined && { observedGeneration: generation }),
  };
}

/**
 * For clusters where KServe's controller writes TrainedModels too: its conditions, URL and address are left alone, and
 * ModelLoaded is added. Knative's roll-up takes every condition without a severity into Ready (knative.dev/pkg,
 * apis/condition_set.go, findUnhappyDependent), so KServe computes Ready from ModelLoaded by the same rule as here, and
 * the two agree. While another condition is False, ModelLoaded is at most Unknown: of two False conditions KServe's
 * roll-up takes the newer, and Ready would alternate within each of its reconciles.
 */
export function statusBeside(
  facts: StatusFacts,
  stored: TrainedModelStatus | undefined,
  now: EpochMs,
): TrainedModelStatus {
  const theirs = (stored?.conditions ?? []).filter(({ type }) => type !== READY && type !== MODEL_LOADED);
  const own = short(modelLoaded(facts.loaded));
  const held = theirs.some(({ status }) => status === 'False') && own.status === 'False';
  const conditions = [...theirs, held ? { ...own, status: 'Unknown' as const } : own];
  return { ...stored, conditions: withTimes(conditions, stored, now) };
}

/** KServe's three conditions, with KServe's reasons and messages where it has them. */
function kserveConditions({ inferenceService, waiting, anyPodReady }: StatusFacts): Condition[] {
  if (inferenceService === undefined) {
    const reason = 'InferenceServiceNotFound';
    const message = waiting?.message ?? 'there is no such InferenceService in this namespace yet';
    return [
      { type: 'InferenceServiceReady', status: 'False', reason, message },
      { type: 'IsMMSPredictor', status: 'Unknown', reason },
      { type: 'MemoryResourceAvailable', status: 'Unknown', reason },
    ];
  }
  const mms = isMMSPredictor(inferenceService.spec?.predictor).isMms;
  return [
    isServiceReady(inferenceService, anyPodReady)
      ? { type: 'InferenceServiceReady', status: 'True' }
      : {
          type: 'InferenceServiceReady',
          status: 'False',
          reason: 'InferenceServiceNotReady',
          message: 'Inference Service needs to be ready before Trained Model can be ready',
        },
    mms
      ? { type: 'IsMMSPredictor', status: 'True' }
      : {
          type: 'IsMMSPredictor',
          status: 'False',
          reason: 'IsNotMMSPredictor',
          message: `Inference Service predictor is not configured for multi-model serving${detail(waiting, 'IsNotMMSPredictor')}`,
        },
    memoryCondition(mms, waiting),
  ];
}

function memoryCondition(mms: boolean, waiting: WaitingModel | undefined): Condition {
  const type = 'MemoryResourceAvailable';
  if (!mms) return { type, status: 'Unknown', reason: 'IsNotMMSPredictor' };
  switch (waiting?.reason) {
    case 'MemoryResourceNotAvailable': {
      const message = `Inference Service does not have enough memory resources for Trained Model${detail(waiting, waiting.reason)}`;
      return { type, status: 'False', reason: waiting.reason, message };
    }
    case 'InvalidName':
    case 'InvalidSpec':
      return { type, status: 'Unknown', reason: waiting.reason };
    default:
      return { type, status: 'True' };
  }
}

function detail(waiting: WaitingModel | undefined, reason: string): string {
  return waiting?.reason === reason ? `: ${waiting.message}` : '';
}

/** As its controller reports; by its pods where nothing writes its status. */
export function isServiceReady({ status }: InferenceService, anyPodReady: boolean): boolean {
  const condition = status?.conditions?.find(({ type }) => type === READY);
  return condition === undefined ? anyPodReady : condition.status === 'True';
}

/** A message may quote a tenant's text, and the API server refuses a status that is too large. */
const LONGEST_MESSAGE = 4096;

function short(condition: Condition): Condition {
  const { message } = condition;
  return message === undefined ? condition : { ...condition, message: shortened(message, LONGEST_MESSAGE) };
}

function modelLoaded({ status, reason, message }: ModelLoaded): Condition {
  return { type: MODEL_LOADED, status, reason, message };
}

/** Adds Ready and the transition times, sorted by type as Knative's library does. */
function withTimes(
  conditions: readonly Condition[],
  stored: TrainedModelStatus | undefined,
  now: EpochMs,
  comesFirst: (condition: Condition) => boolean = () => false,
): Condition[] {
  const before = new Map((stored?.conditions ?? []).map((condition) => [condition.type, condition]));
  const time = `${new Date(now).toISOString().slice(0, 19)}Z`;
  const timed = (condition: Condition): Condition => {
    const { status, lastTransitionTime } = before.get(condition.type) ?? {};
    const since = status === condition.status ? (lastTransitionTime ?? time) : time;
    return { ...condition, lastTransitionTime: since };
  };
  const all = conditions.map(timed);
  return [...all, timed(rolledUp(all, comesFirst))].sort((a, b) => compareText(a.type, b.type));
}

/**
 * Faults that the user can fix in the model or its InferenceService. They take precedence over "the InferenceService is
 * not ready".
 */
const OWN_FAULTS: ReadonlySet<string> = new Set([
  ...['IsNotMMSPredictor', 'MemoryResourceNotAvailable', 'InvalidName', 'InvalidSpec', 'ConfigMapFull'],
  ...['ConfigMapNotWritten', 'Failed'],
]);

function isOwnFault({ reason = '' }: Condition): boolean {
  return OWN_FAULTS.has(reason);
}

/**
 * Knative's rule: False before Unknown, and of several the newest.
 * @param comesFirst takes precedence over other False conditions, whatever their time
 */
function rolledUp(
  conditions: readonly Condition[],
  comesFirst: (condition: Condition) => boolean,
): Condition {
  const counted = conditions.filter(({ severity = '' }) => severity === '');
  const newest = (
    status: Condition['status'],
    among: readonly Condition[] = counted,
  ): Condition | undefined =>
    among
      .filter((condition) => condition.status === status)
      .reduce<Condition | undefined>((a, b) => (a === undefined || later(b, a) ? b : a), undefined);
  const unhappy = newest('False', counted.filter(comesFirst)) ?? newest('False') ?? newest('Unknown');
  if (unhappy === undefined) return { type: READY, status: 'True' };
  const { status, reason, message } = unhappy;
  return {
    type: READY,
    status,
    ...(reason !== undefined && { reason }),
    ...(message !== undefined && { message }),
  };
}

function later(a: Condition, b: Condition): boolean {
  return (a.lastTransitionTime ?? '') > (b.lastTransitionTime ?? '');
}

/** Whether two statuses are equal, ignoring order and times. */
export function sameStatus(a: TrainedModelStatus | undefined, b: TrainedModelStatus): boolean {
  return a !== undefined && essence(a) === essence(b);
}

function essence({ conditions = [], url, address, observedGeneration }: TrainedModelStatus): string {
  const each = conditions
    .map(({ type, status, reason = '', message = '', severity = '' }) => [
      type,
      status,
      reason,
      message,
      severity,
    ])
    .sort();
  return JSON.stringify([each, url, address?.url, observedGeneration]);
}

/** The condition of this type, if present. */
export function conditionOf(status: TrainedModelStatus | undefined, type: string): Condition | undefined {
  return status?.conditions?.find((condition) => condition.type === type);
}
