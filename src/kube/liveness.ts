import { seconds } from '../lib/clock.ts';
import type { Clock, Milliseconds, MonotonicMs } from '../lib/clock.ts';

/** The timing of a probe. */
export interface ProbeTiming {
  /** How long a watch must be silent before a probe is sent. */
  readonly after: Milliseconds;
  /** For the probe's answer. */
  readonly within: Milliseconds;
  /** The minimum between two probes. */
  readonly every: Milliseconds;
  /** How often a silent watch checks. */
  readonly lookEvery: Milliseconds;
}

/** Whether the connections to the API server are alive. A silent connection does not show it. */
export interface Liveness {
  readonly timing: ProbeTiming;
  /** When the latest request without an answer in time was sent. Undefined while all were answered. */
  readonly doubtedSince: MonotonicMs | undefined;
  /** A request that was sent at this time got no answer in time. */
  doubt(sentAt: MonotonicMs): void;
  /** Sends a cheap request, one at a time however many callers there are. Resolves whatever the outcome. */
  probe(): Promise<void>;
}

/**
 * Like client-go's pings of HTTP/2 (k8s.io/apimachinery, util/net: 30 s of silence, 15 s for the answer), which
 * HTTP/1.1 does not have. Dead connections are noticed within 40 s, although a watch without changes may be silent for
 * minutes.
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
      // The outcome is passed to doubt(), as for every request.
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
