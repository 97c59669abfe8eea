import { seconds } from '../../src/lib/clock.ts';
import type { LeaderElectionDurations } from '../../src/kube/leader-election.ts';

/** As short as whole seconds and a busy machine allow. */
export const SHORT_DURATIONS: LeaderElectionDurations = {
  lease: seconds(4),
  renewDeadline: seconds(2.5),
  retryPeriod: seconds(0.3),
};
