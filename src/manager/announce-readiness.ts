import type { Clock } from '../core/clock.ts';
import { milliseconds } from '../core/clock.ts';
import type { Logger } from '../core/log.ts';
import type { ReadinessCheck } from '../core/readiness.ts';

const LOOK_EVERY = milliseconds(100);

/**
 * Logs one line once every check holds, for people and scripts that have started this manager themselves: in a cluster
 * kubelet asks /readyz.
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
