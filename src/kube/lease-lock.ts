import { milliseconds, type Clock, type Milliseconds } from '../lib/clock.ts';
import type { ApiClient } from './api-client.ts';
import { isApiError } from './api-error.ts';
import { getIfThere } from './get-if-there.ts';
import { LEASES, type Lease } from './resources.ts';

/** The outcome of one attempt. */
export interface LeaseAttempt {
  readonly held: boolean;
  /** Who else holds it. Absent if this attempt could not find out. */
  readonly holder?: string;
  /** How long the holder's lease stays valid if it is not renewed. */
  readonly freeIn?: Milliseconds;
}

interface LeaseLockOptions {
  readonly client: ApiClient;
  readonly namespace: string;
  readonly name: string;
  readonly identity: string;
  readonly duration: Milliseconds;
  /** For one request. */
  readonly timeout: Milliseconds;
  readonly clock: Clock;
}

/**
 * Reads and writes one Lease. Every write carries the version that was read, so only one of two concurrent writes
 * succeeds.
 */
export interface LeaseLock {
  /** Renews the lease if it is ours. Acquires it if it is free or was seen unchanged for its whole duration. */
  acquireOrRenew(signal: AbortSignal): Promise<LeaseAttempt>;
  /** This much time has passed for certain: it counts towards the other holder's duration. */
  waited(span: Milliseconds): void;
  /** Releases the lease if it is still ours. */
  release(signal: AbortSignal): Promise<void>;
}

export function createLeaseLock(options: LeaseLockOptions): LeaseLock {
  const { client, identity, timeout } = options;
  const reference = { namespace: options.namespace, name: options.name };
  /** Time spent suspended counts in the monotonic clock; the wall clock may be set. */
  let unchanged = { resourceVersion: '', span: milliseconds(0) };

  async function write(lease: Lease | undefined, signal: AbortSignal): Promise<LeaseAttempt> {
    const spec = nextSpec(options, lease);
    try {
      if (lease === undefined)
        await client.create(LEASES, { metadata: reference, spec }, { signal, timeout });
      else await client.replace(LEASES, { ...lease, spec }, { signal, timeout });
      return { held: true };
    } catch (error) {
      // Another replica was faster. The next read shows which one.
      if (isApiError(error, 'API_CONFLICT', 'API_ALREADY_EXISTS')) return { held: false };
      throw error;
    }
  }

  return {
    async acquireOrRenew(signal) {
      const lease = await read(options, signal);
      const holder = lease?.spec?.holderIdentity ?? '';
      if (lease === undefined || holder === '' || holder === identity) return write(lease, signal);
      const resourceVersion = lease.metadata.resourceVersion ?? '';
      if (resourceVersion !== unchanged.resourceVersion) {
        unchanged = { resourceVersion, span: milliseconds(0) };
      }
      const freeIn = (lease.spec?.leaseDurationSeconds ?? 0) * 1000 - unchanged.span;
      if (freeIn > 0) return { held: false, holder, freeIn: milliseconds(freeIn) };
      return write(lease, signal);
    },
    waited(span) {
      unchanged = { ...unchanged, span: milliseconds(unchanged.span + span) };
    },
    async release(signal) {
      const lease = await read(options, signal);
      if (lease?.spec?.holderIdentity !== identity) return;
      const renewTime = microTime(options.clock);
      // One second, as in client-go: a duration of 0 is invalid.
      const spec = { ...lease.spec, holderIdentity: '', leaseDurationSeconds: 1, renewTime };
      await client.replace(LEASES, { ...lease, spec }, { signal, timeout });
    },
  };
}

function read(options: LeaseLockOptions, signal: AbortSignal): Promise<Lease | undefined> {
  const { client, namespace, name, timeout } = options;
  return getIfThere(client, LEASES, { namespace, name }, { signal, timeout });
}

function nextSpec(options: LeaseLockOptions, lease: Lease | undefined): NonNullable<Lease['spec']> {
  const { identity, duration, clock } = options;
  const before = lease?.spec;
  const renewTime = microTime(clock);
  const renewal = before?.holderIdentity === identity;
  return {
    ...before,
    holderIdentity: identity,
    leaseDurationSeconds: duration / 1000,
    renewTime,
    acquireTime: renewal ? (before.acquireTime ?? renewTime) : renewTime,
    leaseTransitions: (before?.leaseTransitions ?? 0) + (renewal || lease === undefined ? 0 : 1),
  };
}

/** `MicroTime` requires six digits after the second. For people only: no decision depends on it. */
function microTime(clock: Clock): string {
  return new Date(clock.now()).toISOString().replace('Z', '000Z');
}
