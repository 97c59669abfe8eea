import type { ObjectCache, ObjectKey, Secret, ServiceAccount } from '../contract/kubernetes.ts';
import type { Clock, MonotonicMs, Milliseconds } from '../lib/clock.ts';
import { objectKey } from '../contract/kubernetes.ts';
import { isSecretName, MOST_SECRETS } from '../contract/credential-lookup.ts';
import type { CredentialLookup, NamedSecret } from '../contract/credential-lookup.ts';
import { factsOfSecret } from '../contract/storage-credentials.ts';
import type { SecretFacts } from '../contract/storage-credentials.ts';
import { keepLatest } from '../lib/keep-latest.ts';
import { createSharedTurns } from '../lib/shared-turns.ts';

/** The storage credentials that a pod or its service account names. */
export interface PodCredentials {
  /** @throws when the API server cannot be asked; a Secret that does not exist is told by name instead */
  of(wanted: WantedCredentials): Promise<CredentialLookup>;
}

export interface WantedCredentials {
  readonly namespace: string;
  readonly serviceAccountName: string | undefined;
  /** The Secret that the pod names, in place of those of its service account. */
  readonly named: NamedSecret | undefined;
}

interface PodCredentialsOptions {
  readonly serviceAccounts: ObjectCache<ServiceAccount>;
  /** One GET, for a service account that the cache does not know yet; undefined when there is none. */
  readonly readServiceAccount: (key: ObjectKey) => Promise<ServiceAccount | undefined>;
  /** One GET; undefined when there is no such Secret. */
  readonly readSecret: (key: ObjectKey) => Promise<Secret | undefined>;
  readonly clock: Clock;
  /** How long the facts of a Secret are believed. */
  readonly ttl: Milliseconds;
}

/** As whom Kubernetes runs a pod that names no service account. */
const DEFAULT_ACCOUNT = 'default';
/** Facts are small and this many service accounts with storage is a lot; the oldest go first. */
const MAX_REMEMBERED = 1000;
/**
 * Reads of Secrets at once, in all and for a namespace. A Secret takes some 3 MiB while it is read, and reviews that anybody
 * may have sent name service accounts that list many.
 */
const READS = { total: 16, each: 4 };

/** For a manager that may not read Secrets: no pod gets credentials. */
export const NO_CREDENTIALS: PodCredentials = {
  of: ({ named }) => Promise.resolve({ account: undefined, named, secrets: [], missing: [], off: true }),
};

/**
 * Looks credentials up for the pods being admitted. Service accounts come from the cache. A Secret is read only when a
 * service account, or the pod itself, names it, and of it only facts are remembered, for a moment, so that a rollout of many
 * pods costs one read. No value is remembered.
 */
export function createPodCredentials(options: PodCredentialsOptions): PodCredentials {
  const { serviceAccounts, readServiceAccount, readSecret, clock, ttl } = options;
  const remembered = new Map<ObjectKey, { readonly facts: SecretFacts; readonly until: MonotonicMs }>();
  const reading = new Map<ObjectKey, Promise<SecretFacts | undefined>>();
  const turns = createSharedTurns(READS);

  async function factsOf(namespace: string, name: string): Promise<SecretFacts | undefined> {
    // What no Secret can be called is not put into a URL.
    if (!isSecretName(name)) return undefined;
    const key = objectKey(namespace, name);
    const known = remembered.get(key);
    if (known !== undefined && known.until > clock.monotonic()) return known.facts;
    remembered.delete(key);
    const underWay = reading.get(key) ?? read(namespace, key).finally(() => reading.delete(key));
    reading.set(key, underWay);
    return underWay;
  }

  function read(namespace: string, key: ObjectKey): Promise<SecretFacts | undefined> {
    return turns.run(namespace, async () => {
      const secret = await readSecret(key);
      if (secret === undefined) return undefined;
      const facts = factsOfSecret(secret);
      remember(key, facts);
      return facts;
    });
  }

  function remember(key: ObjectKey, facts: SecretFacts): void {
    const until = (clock.monotonic() + ttl) as MonotonicMs;
    keepLatest(remembered, key, { facts, until }, MAX_REMEMBERED);
  }

  async function accountOf(namespace: string, name: string): Promise<ServiceAccount | undefined> {
    const key = objectKey(namespace, name);
    const known = serviceAccounts.get(key);
    // Kubernetes turns away a pod whose service account does not exist, so one that is not cached is new. `default`
    // alone is never asked for: each namespace has it, and one that is too new for the cache names no Secrets yet.
    return known ?? (name === DEFAULT_ACCOUNT ? undefined : await readServiceAccount(key));
  }

  return {
    async of({ namespace, serviceAccountName, named }) {
      const account = await accountOf(namespace, serviceAccountName ?? DEFAULT_ACCOUNT);
      const listed = namesToRead(account, named);
      const names = listed.slice(0, MOST_SECRETS);
      const found = await Promise.all(names.map((name) => factsOf(namespace, name)));
      return {
        account,
        named,
        secrets: found.filter((facts) => facts !== undefined),
        missing: names.filter((_, index) => found[index] === undefined),
        leftOut: listed.length > names.length,
      };
    },
  };
}

/** The one that the pod names takes the place of those that its service account lists. */
function namesToRead(account: ServiceAccount | undefined, named: NamedSecret | undefined): string[] {
  if (named !== undefined) return [named.name];
  const names = (account?.secrets ?? []).map(({ name }) => name).filter((name) => name !== undefined);
  return [...new Set(names)];
}
