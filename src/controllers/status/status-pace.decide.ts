import { milliseconds, seconds } from '../../lib/clock.ts';
import type { MonotonicMs, Milliseconds } from '../../lib/clock.ts';
import { conditionOf, MODEL_LOADED, sameStatus } from '../../contract/trained-model-status.ts';
import { isAtHand } from '../../contract/model-loaded.ts';
import type { Condition, TrainedModelStatus } from '../../contract/trained-model-status.ts';

/**
 * A state on the way that lasts shorter is never written: most models are loaded by then, with one write. Nor that a new model
 * has no replica: applied together with its InferenceService, it is there before the first pod.
 */
const SETTLE: Milliseconds = seconds(3);
/** Several replicas tend to fail one after the other; they share a write. */
const GATHER: Milliseconds = seconds(0.5);
/** The least time between two writes that change nothing but words, or one state on the way for another. */
const REFRESH: Milliseconds = seconds(60);
/** With many models it is longer, so that all of them together do not refresh more often than this. */
const REFRESH_EACH: Milliseconds = milliseconds(100);
const REWORD: Milliseconds = seconds(10);
/** Between two writes that only say that a model which answers requests has come to memory, or has left it. */
const RESIDENCY: Milliseconds = seconds(3_600);
/** With many models it is longer: all of them together write that no more often than this. */
const RESIDENCY_EACH: Milliseconds = seconds(1);

export interface PaceInput {
  readonly stored: TrainedModelStatus | undefined;
  readonly wanted: TrainedModelStatus;
  /** False while the model is on its way. */
  readonly settled: boolean;
  /** Since when it has been wanted that way: its verdicts, not its words. */
  readonly since: MonotonicMs;
  /** At the earliest; undefined before the first. */
  readonly lastWriteAt: MonotonicMs | undefined;
  /** Until then an agent that is not heard of may still say that all is as stored. */
  readonly graceUntil: MonotonicMs | undefined;
  /** How many models there are in the same InferenceService. */
  readonly modelCount: number;
  readonly now: MonotonicMs;
}

type Pace =
  | { readonly kind: 'nothing' }
  /** `urgent` is false for a state on the way, which may wait for others. */
  | { readonly kind: 'write'; readonly urgent: boolean }
  | { readonly kind: 'wait'; readonly until: MonotonicMs };

/** Whether a status is written now: the truth at once, what may be over in a moment later or never. */
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

/** Whether two statuses differ in nothing but in whether a model that answers requests is in memory. */
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

/** The least and the most that a state on the way waits for another turn to be written. */
const TURN: Milliseconds = seconds(2);
const LONGEST_TURN: Milliseconds = seconds(60);

/**
 * When to look again at a model whose state on the way found no turn, while so many are held back: about as often as turns
 * come, so that a hundred thousand of them do not ask in vain all the time.
 */
export function untilNextTry(held: number, turnsPerSecond: number): Milliseconds {
  return milliseconds(Math.min(LONGEST_TURN, Math.max(TURN, (held / turnsPerSecond) * 1000)));
}

/** The reasons of a model that is neither loaded nor in trouble. */
const ON_THE_WAY: ReadonlySet<string> = new Set(['Queued', 'Downloading', 'Loading', 'NoReplicas']);

/** What a status says apart from the words. */
export function conditionSummary(status: TrainedModelStatus | undefined): string {
  if (status === undefined) return '';
  const { conditions = [], url, address, observedGeneration } = status;
  const each = conditions.map(({ type, status: is, reason = '' }) => `${type}=${is}/${reason}`);
  return JSON.stringify([each.sort(), url, address?.url, observedGeneration]);
}
