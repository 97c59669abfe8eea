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
  /** @throws when the API server cannot be reached; a Secret that does not exist is reported by name instead */
  of(wanted: WantedCredentials): Promise<CredentialLookup>;
}

export interface WantedCredentials {
  readonly namespace: string;
  readonly serviceAccountName: string | undefined;
  /** The Secret that the pod names, which replaces those of its service account. */
  readonly named: NamedSecret | undefined;
}

interface PodCredentialsOptions {
  readonly serviceAccounts: ObjectCache<ServiceAccount>;
  /** One GET, for a service account that is not in the cache yet; undefined when it does not exist. */
  readonly readServiceAccount: (key: ObjectKey) => Promise<ServiceAccount | undefined>;
  /** One GET; undefined when the Secret does not exist. */
  readonly readSecret: (key: ObjectKey) => Promise<Secret | undefined>;
  readonly clock: Clock;
  /** How long the facts of a Secret are cached. */
  readonly ttl: Milliseconds;
}

/** The service account of a pod that names none. */
const DEFAULT_ACCOUNT = 'default';
/** Facts are small, and few clusters have this many service accounts with storage. The oldest are dropped first. */
const MAX_REMEMBERED = 1000;
/**
 * Concurrent reads of Secrets, in total and per namespace. A Secret takes some 3 MiB while it is read, and untrusted
 * reviews may name service accounts that list many.
 */
const READS = { total: 16, each: 4 };

/** For a manager that must not read Secrets: no pod gets credentials. */
export const NO_CREDENTIALS: PodCredentials = {
  of: ({ named }) => Promise.resolve({ account: undefined, named, secrets: [], missing: [], off: true }),
};

/**
 * Looks up credentials for the pods being admitted. Service accounts come from the cache. A Secret is read only when a
 * service account, or the pod itself, names it. Only facts of it are cached, for a moment, so that a rollout of many
 * pods costs one read. No value is cached.
 */
export function createPodCredentials(options: PodCredentialsOptions): PodCredentials {
  const { serviceAccounts, readServiceAccount, readSecret, clock, ttl } = options;
  const remembered = new Map<ObjectKey, { readonly facts: SecretFacts; readonly until: MonotonicMs }>();
  const reading = new Map<ObjectKey, Promise<SecretFacts | undefined>>();
  const turns = createSharedTurns(READS);

  async function factsOf(namespace: string, name: string): Promise<SecretFacts | undefined> {
    // An invalid name is not put into a URL.
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
    // Kubernetes refuses a pod whose service account does not exist, so one that is not cached is new. `default` is
    // never looked up: each namespace has it, and one too new for the cache names no Secrets yet.
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

/** The Secret that the pod names replaces those that its service account lists. */
function namesToRead(account: ServiceAccount | undefined, named: NamedSecret | undefined): string[] {
  if (named !== undefined) return [named.name];
  const names = (account?.secrets ?? []).map(({ name }) => name).filter((name) => name !== undefined);
  return [...new Set(names)];
}
