import { seconds } from '../lib/clock.ts';
import type { Clock, Milliseconds, MonotonicMs } from '../lib/clock.ts';

/** The times a probe works by. */
export interface ProbeTiming {
  /** Silence of a watch before one is sent. */
  readonly after: Milliseconds;
  /** For its answer. */
  readonly within: Milliseconds;
  /** At least between two. */
  readonly every: Milliseconds;
  /** How often a silent watch looks. */
  readonly lookEvery: Milliseconds;
}

/** Whether the connections to the API server still lead anywhere, which a connection that is silent does not tell by itself. */
export interface Liveness {
  readonly timing: ProbeTiming;
  /** When the latest request was sent that got no answer in time; undefined while all did. */
  readonly doubtedSince: MonotonicMs | undefined;
  /** A request that was sent then got no answer in time. */
  doubt(sentAt: MonotonicMs): void;
  /** Sends something cheap; one at a time, however many ask. Resolves whatever comes of it. */
  probe(): Promise<void>;
}

/**
 * As client-go's pings of HTTP/2 (k8s.io/apimachinery, util/net: 30 s of silence, 15 s for the answer), which HTTP/1.1 does not
 * have: dead connections are noticed within 40 s, where a watch that has nothing to tell could be silent for minutes.
 */
export const PROBE: ProbeTiming = {
  ...{ after: seconds(20), within: seconds(10), every: seconds(10), lookEvery: seconds(5) },
};

export function createLiveness(
  clock: Clock,
  timing: ProbeTiming,
  ask: (within: Milliseconds) => Promise<unknown>,
): Liveness {
  let probedAt = -Infinity;
  let doubtedSince: MonotonicMs | undefined;
  let probing: Promise<void> | undefined;
  return {
    timing,
    get doubtedSince() {
      return doubtedSince;
    },
    doubt(sentAt) {
      if (doubtedSince === undefined || sentAt > doubtedSince) doubtedSince = sentAt;
    },
    probe() {
      // What becomes of it is told to doubt(), as of any request.
      const now = clock.monotonic();
      if (probing !== undefined || now - probedAt < timing.every) return probing ?? Promise.resolve();
      probedAt = now;
      probing = ask(timing.within)
        .catch(() => undefined)
        .then(() => {
          probing = undefined;
        });
      return probing;
    },
  };
}
