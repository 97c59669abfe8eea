import type { Clock, Milliseconds } from '../../../lib/clock.ts';
import { milliseconds, seconds } from '../../../lib/clock.ts';
import { MmsError } from '../../../lib/errors.ts';
import type { ApiClient } from '../../../kube/api-client.ts';
import { createLeaseLock } from '../../../kube/lease-lock.ts';
import type { LeaseLock } from '../../../kube/lease-lock.ts';

/** Another run is moving InferenceServices of this namespace. */
class AnotherMoveError extends MmsError {
  readonly code = 'ANOTHER_MOVE';
  readonly retryable = true;
}

interface MoveLeaseOptions {
  readonly client: ApiClient;
  readonly namespace: string;
  /** Also shown to other users while this run holds the Lease. */
  readonly identity: string;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly say: (line: string) => void;
}

/** One Lease per namespace. */
const LEASE_NAME = 'kserve-mms-fold';
/** How long the next run waits for the Lease of a run that was killed. */
const DURATION = seconds(6);
const RENEW_EVERY = seconds(2);
const REQUEST_TIMEOUT = seconds(2);

/**
 * Runs `use` as the only mover in the namespace. Its signal aborts when the lease could not be renewed in time.
 * @throws {AnotherMoveError} when another run is active. Waits for the lease of a run that was killed.
 */
export async function withMoveLease<T>(
  options: MoveLeaseOptions,
  use: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const { clock, signal } = options;
  const lock = createLeaseLock({
    ...options,
    ...{ name: LEASE_NAME, duration: DURATION, timeout: REQUEST_TIMEOUT },
  });
  await acquire(lock, options);
  const ending = new AbortController();
  const lost = new AbortController();
  const renewed = renew(lock, clock, { ending: ending.signal, lost });
  try {
    return await use(AbortSignal.any([signal, lost.signal]));
  } finally {
    ending.abort();
    await renewed;
    // A lease that cannot be released expires.
    await lock.release(AbortSignal.timeout(REQUEST_TIMEOUT)).catch(() => undefined);
  }
}

async function acquire(lock: LeaseLock, { clock, signal, namespace, say }: MoveLeaseOptions): Promise<void> {
  let left: Milliseconds | undefined;
  for (;;) {
    if (signal.aborted) throw new AnotherMoveError('you stopped waiting for the other one; nothing was done');
    const { held, holder = 'another user', freeIn } = await lock.acquireOrRenew(signal);
    if (held) return;
    // It was renewed in the meantime, so its holder is alive.
    if (freeIn !== undefined && left !== undefined && freeIn > left)
      throw new AnotherMoveError(
        `${holder} is moving InferenceServices of namespace ${namespace} (Lease ${LEASE_NAME}); wait until it has ended`,
      );
    if (left === undefined)
      say(`waiting to see whether ${holder}, who holds Lease ${LEASE_NAME}, is still active`);
    left = freeIn ?? left;
    const span = milliseconds(Math.min(1000, (freeIn ?? 1000) + 1));
    await clock.sleep(span, signal);
    lock.waited(span);
  }
}

async function renew(
  lock: LeaseLock,
  clock: Clock,
  { ending, lost }: { readonly ending: AbortSignal; readonly lost: AbortController },
): Promise<void> {
  const isOver = (): boolean => ending.aborted;
  let renewedAt = clock.monotonic();
  while (!isOver()) {
    await clock.sleep(RENEW_EVERY, ending);
    if (isOver()) return;
    const askedAt = clock.monotonic();
    const held = await lock.acquireOrRenew(ending).then(
      (attempt) => attempt.held,
      () => false,
    );
    if (held) renewedAt = askedAt;
    else if (clock.monotonic() - renewedAt > DURATION - RENEW_EVERY)
      lost.abort(new AnotherMoveError(`the Lease ${LEASE_NAME} could not be renewed; run the command again`));
  }
}
