import { milliseconds, seconds } from '../../lib/clock.ts';
import type { MonotonicMs, Milliseconds } from '../../lib/clock.ts';
import { conditionOf, MODEL_LOADED, sameStatus } from '../../contract/trained-model-status.ts';
import { isAtHand } from '../../contract/model-loaded.ts';
import type { Condition, TrainedModelStatus } from '../../contract/trained-model-status.ts';

/**
 * A transient state shorter than this is never written: most models are loaded by then, with one write. Neither is the
 * missing replica of a new model: applied together with its InferenceService, it exists before the first pod.
 */
const SETTLE: Milliseconds = seconds(3);
/** Several replicas tend to fail one after the other; they share a write. */
const GATHER: Milliseconds = seconds(0.5);
/** The least time between two writes that change only words, or one transient state for another. */
const REFRESH: Milliseconds = seconds(60);
/** With many models the interval grows, so that all of them together do not refresh more often than this. */
const REFRESH_EACH: Milliseconds = milliseconds(100);
const REWORD: Milliseconds = seconds(10);
/**
 * The least time between two writes that only report that a model that answers requests was loaded into memory, or left
 * it.
 */
const RESIDENCY: Milliseconds = seconds(3_600);
/** With many models the interval grows: all of them together write that no more often than this. */
const RESIDENCY_EACH: Milliseconds = seconds(1);

export interface PaceInput {
  readonly stored: TrainedModelStatus | undefined;
  readonly wanted: TrainedModelStatus;
  /** False while the state is transient. */
  readonly settled: boolean;
  /** Since when the desired status has its current outcomes; words do not count. */
  readonly since: MonotonicMs;
  /** The earliest possible time of it; undefined before the first write. */
  readonly lastWriteAt: MonotonicMs | undefined;
  /** Until then a silent agent may still report that all is as stored. */
  readonly graceUntil: MonotonicMs | undefined;
  /** How many models the same InferenceService has. */
  readonly modelCount: number;
  readonly now: MonotonicMs;
}

type Pace =
  | { readonly kind: 'nothing' }
  /** `urgent` is false for a transient state, which may wait for others. */
  | { readonly kind: 'write'; readonly urgent: boolean }
  | { readonly kind: 'wait'; readonly until: MonotonicMs };

/** Whether a status is written now: a lasting state at once, a transient one later or never. */
export function decideStatusWrite(input: PaceInput): Pace {
  const { stored, wanted, settled, now } = input;
  if (sameStatus(stored, wanted)) return { kind: 'nothing' };
  const due = dueTime(input);
  if (now < due) return { kind: 'wait', until: due };
  return { kind: 'write', urgent: settled };
}

function dueTime({
  stored,
  wanted,
  settled,
  since,
  lastWriteAt = 0 as MonotonicMs,
  graceUntil = 0 as MonotonicMs,
  modelCount,
}: PaceInput): MonotonicMs {
  const before = conditionOf(stored, MODEL_LOADED);
  const after = conditionOf(wanted, MODEL_LOADED);
  const at = (time: number): MonotonicMs => time as MonotonicMs;
  if (!settled) {
    const onItsWay = before !== undefined && before.status !== 'True' && ON_THE_WAY.has(before.reason ?? '');
    const doubt = before === undefined ? 0 : graceUntil;
    return at(
      Math.max(
        since + SETTLE,
        doubt,
        onItsWay ? lastWriteAt + Math.max(REFRESH, modelCount * REFRESH_EACH) : 0,
      ),
    );
  }
  if (isResidencyAlone(stored, before, wanted, after))
    return at(lastWriteAt + Math.max(RESIDENCY, modelCount * RESIDENCY_EACH));
  if (conditionSummary(stored) === conditionSummary(wanted)) return at(lastWriteAt + REWORD);
  if (before === undefined && after?.reason === 'NoReplicas') return at(since + SETTLE);
  return at(after?.status === 'True' || after?.reason !== 'Failed' ? 0 : since + GATHER);
}

/** Whether two statuses differ only in whether a model that answers requests is in memory. */
function isResidencyAlone(
  stored: TrainedModelStatus | undefined,
  before: Condition | undefined,
  wanted: TrainedModelStatus,
  after: Condition | undefined,
): boolean {
  if (before === undefined || after === undefined) return false;
  if (!isAtHand(before.reason) || !isAtHand(after.reason) || before.status !== after.status) return false;
  const others = (wanted.conditions ?? []).filter((condition) => condition !== after);
  return sameStatus(stored, { ...wanted, conditions: [...others, before] });
}

/** The least and the longest wait of a transient state for another turn to be written. */
const TURN: Milliseconds = seconds(2);
const LONGEST_TURN: Milliseconds = seconds(60);

/**
 * When to check a model again whose transient state found no turn, with so many held back: about as often as turns
 * come, so that a hundred thousand of them do not try in vain all the time.
 */
export function untilNextTry(held: number, turnsPerSecond: number): Milliseconds {
  return milliseconds(Math.min(LONGEST_TURN, Math.max(TURN, (held / turnsPerSecond) * 1000)));
}

/** The reasons of a model that is neither loaded nor failed. */
const ON_THE_WAY: ReadonlySet<string> = new Set(['Queued', 'Downloading', 'Loading', 'NoReplicas']);

/** The contents of a status apart from the words. */
export function conditionSummary(status: TrainedModelStatus | undefined): string {
  if (status === undefined) return '';
  const { conditions = [], url, address, observedGeneration } = status;
  const each = conditions.map(({ type, status: is, reason = '' }) => `${type}=${is}/${reason}`);
  return JSON.stringify([each.sort(), url, address?.url, observedGeneration]);
}
