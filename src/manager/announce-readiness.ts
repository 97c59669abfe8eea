import type { Clock } from '../lib/clock.ts';
import { milliseconds } from '../lib/clock.ts';
import type { Logger } from '../lib/log.ts';
import type { ReadinessCheck } from '../lib/readiness.ts';

const LOOK_EVERY = milliseconds(100);

/**
 * Logs one line once every check passes, for people and scripts that start a manager themselves. In a cluster kubelet
 * calls /readyz.
 */
export async function announceReadiness(
  checks: ReadonlyMap<string, ReadinessCheck>,
  ports: { readonly webhook: number; readonly metrics: number; readonly health: number },
  { clock, logger }: { readonly clock: Pick<Clock, 'sleep'>; readonly logger: Logger },
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    if ([...checks.values()].every((check) => check() === undefined)) {
      logger.info({ ports }, 'the manager is ready');
      return;
    }
    await clock.sleep(LOOK_EVERY, signal);
  }
}
