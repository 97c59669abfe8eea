import { MmsError } from '../src/lib/errors.ts';
import type { Plan } from './plan.ts';
import type { Contender, PartName, Sample } from './report/results.ts';

/** The inputs of a part. */
export interface BenchRun {
  readonly plan: Plan;
  /** Records the figures of a run. */
  record(contender: Contender, sample: Sample): void;
  /** Prints a line of progress. */
  say(line: string): void;
}

/** A part cannot be run on this machine; the others can. Its earlier figures stay. */
export class PartSkippedError extends MmsError {
  readonly code = 'PART_SKIPPED';
  readonly retryable = false;
}

/** Rejects with a PartSkippedError before it has recorded anything when it cannot be run here. */
export type Part = (run: BenchRun) => Promise<void>;

export interface Recorded {
  readonly part: PartName;
  readonly contender: Contender;
  readonly sample: Sample;
}

/** Runs the contenders in turns, so that other load on the machine affects all alike. */
export async function alternate<C extends Contender>(
  contenders: readonly C[],
  rounds: number,
  run: (contender: C, round: number) => Promise<void>,
): Promise<void> {
  for (let round = 0; round < rounds; round += 1) {
    // They take turns in going first, because the first run leaves the machine's caches in another state.
    for (const [index] of contenders.entries()) {
      const contender = contenders[(index + round) % contenders.length];
      if (contender !== undefined) await run(contender, round);
    }
  }
}
