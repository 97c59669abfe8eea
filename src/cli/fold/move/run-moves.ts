import type { Clock, Milliseconds } from '../../../lib/clock.ts';
import { seconds } from '../../../lib/clock.ts';
import { messageOf, MmsError } from '../../../lib/errors.ts';
import type { MoveObjects } from './move-state.decide.ts';
import { moveState } from './move-state.decide.ts';
import type { Found, Goal, MoveManifests, Step } from './steps.decide.ts';
import { nextStep } from './steps.decide.ts';

/** An InferenceService to move. */
export interface Move extends MoveManifests {
  readonly name: string;
  /** The InferenceService whose pods it shares, or will share. */
  readonly shared: string;
}

/** The outcome of a move. */
export interface MoveOutcome {
  readonly name: string;
  readonly shared: string | undefined;
  /** Undefined on success. Codes are stable. */
  readonly stopped: { readonly code: string; readonly message: string } | undefined;
}

export interface MoveWorld {
  /** Reads the current state of all objects of the moves. */
  readonly read: () => Promise<MoveObjects>;
  /** Performs a step. Returns what it found, or why the move ends here. */
  readonly perform: (step: Effect, move: Move) => Promise<Performed>;
  readonly say: (line: string) => void;
  readonly clock: Clock;
  /** How long the run continues without progress. */
  readonly timeout: Milliseconds;
  readonly signal: AbortSignal;
}

type Effect = Exclude<Step, { readonly kind: 'wait' | 'done' | 'refuse' }>;

type Performed =
  | { readonly kind: 'done'; readonly text: string; readonly found?: Partial<Found> }
  | { readonly kind: 'stopped'; readonly code: string; readonly message: string };

const POLL = seconds(1);

interface Running {
  readonly move: Move;
  found: Found;
  waitsFor: string | undefined;
}

/**
 * Carries each move through to its end, one step after the other, all of them in parallel. A step is retried while the
 * API server cannot be reached.
 * @throws {ApiError} when the API server refuses, or does not answer within the timeout; AnotherMoveError when the
 * Lease is lost
 */
export async function runMoves(goal: Goal, moves: readonly Move[], world: MoveWorld): Promise<MoveOutcome[]> {
  const { clock, signal, timeout } = world;
  const isStopped = (): boolean => signal.aborted;
  const outcomes: MoveOutcome[] = [];
  let running: Running[] = moves.map((move) => ({
    move,
    found: { alike: false, drained: false, settled: false },
    waitsFor: undefined,
  }));
  let movedAt = clock.monotonic();
  while (running.length > 0) {
    if (isStopped()) return [...outcomes, ...running.map(({ move }) => stoppedOutcome(move, signal))];
    const isLate = clock.monotonic() - movedAt > timeout;
    try {
      const round = await oneRound(goal, running, world);
      running = running.filter(({ move }) => !round.ended.some(({ name }) => name === move.name));
      outcomes.push(...round.ended);
      if (round.moved) movedAt = clock.monotonic();
      else if (isLate) return [...outcomes, ...running.map((one) => lateOutcome(one, timeout))];
      else await clock.sleep(POLL, signal);
    } catch (thrown) {
      if (isStopped()) continue;
      if (!(thrown instanceof MmsError) || !thrown.retryable || isLate) throw thrown;
      world.say(`trying again: ${messageOf(thrown)}`);
      await clock.sleep(POLL, signal);
    }
  }
  return outcomes;
}

function lateOutcome({ move, waitsFor }: Running, timeout: Milliseconds): MoveOutcome {
  const message = `no progress for ${timeout / 1000} s: it waits for ${waitsFor ?? 'its turn'}; run the command again to continue`;
  return outcomeOf(move, { code: 'NotInTime', message });
}

/** @throws what ended the run, unless it was the user */
function stoppedOutcome(move: Move, { reason }: AbortSignal): MoveOutcome {
  if (reason instanceof MmsError) throw reason;
  return outcomeOf(move, { code: 'Stopped', message: 'you stopped it; run the command again to continue' });
}

interface Round {
  readonly ended: readonly MoveOutcome[];
  /** Whether any step was performed or completed. */
  readonly moved: boolean;
}

/** Steps done once for several moves: the InferenceService that they share is created, or deleted. */
const SHARED: ReadonlySet<Step['kind']> = new Set(['make-service', 'delete-service']);

/** Waits that all moves at the same step share. */
const PAUSES: ReadonlySet<Step['kind']> = new Set(['settle', 'drain', 'finish']);

async function oneRound(goal: Goal, running: readonly Running[], world: MoveWorld): Promise<Round> {
  const objects = await world.read();
  const ended: MoveOutcome[] = [];
  const once = new Set<string>();
  const paused: { readonly one: Running; readonly step: Effect }[] = [];
  const round = { moved: false };
  const take = (one: Running, performed: Performed): void => {
    round.moved = true;
    if (performed.kind === 'stopped') ended.push(outcomeOf(one.move, performed));
    else {
      world.say(`${one.move.name}: ${performed.text}`);
      one.found = { ...one.found, ...performed.found };
      one.waitsFor = undefined;
    }
  };
  for (const one of running) {
    if (world.signal.aborted) break;
    const { move } = one;
    const state = moveState(move.name, move.shared, objects);
    const step = nextStep(goal, state, one.found, move);
    if (step.kind === 'wait') {
      if (step.forWhat !== one.waitsFor) world.say(`${move.name}: waits for ${step.forWhat}`);
      one.waitsFor = step.forWhat;
    } else if (step.kind === 'done') ended.push(outcomeOf(move, undefined));
    else if (step.kind === 'refuse') ended.push(outcomeOf(move, step));
    else if (PAUSES.has(step.kind)) paused.push({ one, step });
    else if (!SHARED.has(step.kind) || !once.has(`${step.kind} ${move.shared}`)) {
      once.add(`${step.kind} ${move.shared}`);
      take(one, await performed(step, move, world));
    }
  }
  for (const kind of PAUSES) {
    const [first, ...others] = paused.filter(({ step }) => step.kind === kind);
    if (first === undefined) continue;
    const result = await performed(first.step, first.one.move, world);
    for (const { one } of [first, ...others]) take(one, result);
  }
  return { ended, moved: round.moved || ended.length > 0 };
}

/** A final refusal of the API server ends this move; the others continue. */
async function performed(step: Effect, move: Move, world: MoveWorld): Promise<Performed> {
  try {
    return await world.perform(step, move);
  } catch (thrown) {
    if (!(thrown instanceof MmsError) || thrown.retryable || world.signal.aborted) throw thrown;
    return { kind: 'stopped', code: thrown.code, message: thrown.message };
  }
}

function outcomeOf(
  { name, shared }: Move,
  stopped: { readonly code: string; readonly message: string } | undefined,
): MoveOutcome {
  return { name, shared, stopped: stopped && { code: stopped.code, message: stopped.message } };
}
