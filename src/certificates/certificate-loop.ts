import { milliseconds, type Clock, type Milliseconds, type Random } from '../lib/clock.ts';
import { messageOf } from '../lib/errors.ts';
import type { Logger } from '../lib/log.ts';
import type { CertificateController } from './certificate-controller.ts';
import { StaleWriteError } from './certificate-stores.ts';

interface CertificateLoop {
  /** Runs at once: the watch shows a change of the Secret, or this process has become the leader. */
  trigger(): void;
  /** Resolves once the signal has aborted and the last run has ended. Never rejects. */
  readonly finished: Promise<void>;
}

const FIRST_RETRY = milliseconds(500);
const LAST_RETRY = milliseconds(10_000);
/** The controller runs at least this often. */
const LONGEST_WAIT = milliseconds(10_000);
/** The wait after another client's write: long enough that two do not stay in lockstep. */
const STALE_RETRY = milliseconds(200);
/** At most twenty runs a second, however fast things change. */
const SHORTEST_WAIT = milliseconds(50);
/** The first runs, which get a manager ready, do not wait. */
const FIRST_RUNS = 3;

/** Runs the controller when it is due, and retries while it fails. */
export function startCertificateLoop(
  keeper: Pick<CertificateController, 'reconcile'>,
  context: {
    readonly clock: Clock;
    readonly random: Random;
    readonly logger: Logger;
    readonly signal: AbortSignal;
  },
): CertificateLoop {
  const { clock, random, logger, signal } = context;
  let wake = new AbortController();
  let failures = 0;
  let runs = 0;

  const look = async (): Promise<Milliseconds> => {
    try {
      const nextAt = await keeper.reconcile();
      failures = 0;
      // If the wall clock is set back in the meantime, this must not become a long sleep.
      return milliseconds(Math.min(nextAt - clock.now(), LONGEST_WAIT));
    } catch (thrown) {
      if (thrown instanceof StaleWriteError) {
        logger.debug({ error: thrown.message }, 'the certificates have changed meanwhile; looking again');
        return milliseconds(STALE_RETRY * random());
      }
      logger.warn(
        { error: messageOf(thrown), err: thrown },
        'the certificates could not be looked after; will retry',
      );
      const wait = Math.min(FIRST_RETRY * 2 ** failures++, LAST_RETRY);
      return milliseconds(wait * (0.5 + random() / 2));
    }
  };
  const run = async (): Promise<void> => {
    while (!signal.aborted) {
      wake = new AbortController();
      const wait = await look();
      const rest = ++runs > FIRST_RUNS ? SHORTEST_WAIT : milliseconds(0);
      if (rest > 0) await clock.sleep(rest, signal);
      await clock.sleep(milliseconds(Math.max(wait - rest, 0)), wake.signal);
    }
  };
  signal.addEventListener('abort', () => wake.abort(), { once: true });
  return { trigger: () => wake.abort(), finished: run() };
}
