import type { ServiceAccount } from './kubernetes.ts';
import { AWS_ROLE_ANNOTATION, STORAGE_SECRET_ANNOTATION } from './names.ts';
import type { Pod } from './pod.ts';
import { s3Annotations, s3Environment } from './s3-settings.ts';
import { credentialsFromSecret, NO_PARTS, S3_KEY_VARIABLES } from './storage-credentials.ts';
import type { CredentialParts, SecretFacts } from './storage-credentials.ts';
import type { CredentialSettings } from './system-config.ts';

const S3_KEYS: ReadonlySet<string> = new Set(Object.values(S3_KEY_VARIABLES));

const LONGEST_NAME = 253;
/** The most Secrets read per service account. KServe reads all of them, however many. */
export const MOST_SECRETS = 64;

/**
 * What is cached of a service account: the names of its Secrets, and annotations only where they are used. Only the
 * existence of a role matters, so its value is dropped.
 */
export function storageAccount(account: ServiceAccount): ServiceAccount {
  const { name, namespace = '', uid = '', resourceVersion = '', annotations = {} } = account.metadata;
  const kept = Object.hasOwn(annotations, AWS_ROLE_ANNOTATION)
    ? { annotations: { ...s3Annotations(annotations), [AWS_ROLE_ANNOTATION]: '' } }
    : {};
  return {
    metadata: { name, namespace, uid, resourceVersion, ...kept },
    // One more than the limit, so that an excess shows.
    secrets: secretsOf(account).slice(0, MOST_SECRETS + 1),
  };
}

/** A tenant may put any text there, of any length. */
function secretsOf({ secrets = [] }: ServiceAccount): { readonly name: string }[] {
  return secrets.flatMap(({ name }) => (name === undefined || name.length > LONGEST_NAME ? [] : [{ name }]));
}

/** The Secret that a pod names itself, if any. It replaces those of its service account. */
export interface NamedSecret {
  readonly annotation: string;
  readonly name: string;
}

export function secretNamedBy(pod: Pod, settings: CredentialSettings): NamedSecret | undefined {
  const annotation = settings.storageSecretNameAnnotation ?? STORAGE_SECRET_ANNOTATION;
  if (annotation === '') return undefined;
  const name = pod.metadata.annotations?.[annotation];
  return name === undefined ? undefined : { annotation, name };
}

/** RFC 1123, the rule for names of Secrets. Any other annotation value is not looked up. */
export function isSecretName(name: string): boolean {
  return (
    name.length <= LONGEST_NAME &&
    /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/.test(name)
  );
}

/** Found for the service account of a logger's object store, in addition to the pod's. */
interface LoggerLookup extends Pick<CredentialLookup, 'account' | 'secrets' | 'missing' | 'leftOut'> {
  readonly accountName: string;
}

/** Found for one pod. */
export interface CredentialLookup {
  /** Undefined when the service account does not exist. */
  readonly account: ServiceAccount | undefined;
  readonly named: NamedSecret | undefined;
  /** The Secrets of the service account, or the one that the pod names. */
  readonly secrets: readonly SecretFacts[];
  /** Names of Secrets that do not exist. */
  readonly missing: readonly string[];
  /** Whether the service account lists more Secrets than were read. */
  readonly leftOut?: boolean;
  /** Only for a pod whose logger uses an object store. */
  readonly logger?: LoggerLookup;
  /** Set when the manager may not read Secrets. */
  readonly off?: boolean;
}

interface PodCredentials {
  readonly parts: readonly CredentialParts[];
  readonly warnings: readonly string[];
  /** Why the pod must be refused as it is. */
  readonly refusal?: string;
}

/**
 * All credentials of a pod: from its service account's annotations, then from Secrets, later ones over earlier ones.
 * Then those of its logger in the same way.
 */
export function credentialsFor(lookup: CredentialLookup, settings: CredentialSettings): PodCredentials {
  const { account, named, logger, missing, off = false } = lookup;
  if (off) return { parts: [], warnings: named === undefined ? [] : [offWarning(named)] };
  const fault = named === undefined ? undefined : faultOfName(named, missing);
  if (fault !== undefined) return { parts: [], warnings: [], refusal: fault };
  const found = distinctSecrets(lookup).map((secret) => ({
    ...{ secret, parts: credentialsFromSecret(secret, settings) },
  }));
  const parts = [
    ...accountParts(account, settings),
    ...accountParts(logger?.account, settings),
    ...firstKeysStay(found.map((each) => each.parts)),
  ];
  const unknown = found.filter(({ parts: each }) => named !== undefined && isNothing(each));
  return {
    parts,
    warnings: [
      ...parts.flatMap(({ warnings = [] }) => warnings),
      ...twiceWarnings(found),
      ...loggerWarnings(logger, named),
      ...[lookup, logger].flatMap((each) => leftOutWarning(each)),
      ...missing.map(
        (name) => `Secret ${name} of the pod's service account does not exist; the agent goes without it`,
      ),
      ...unknown.map(
        ({ secret }) => `Secret ${secret.name}, which the pod names, holds no credentials that are known`,
      ),
    ],
  };
}

/** Both accounts may list the same Secret, and a pod may name one Secret for both. */
function distinctSecrets({ secrets, logger }: CredentialLookup): SecretFacts[] {
  const all = [...secrets, ...(logger?.secrets ?? [])];
  return [...new Map(all.map((secret) => [secret.name, secret])).values()];
}

function loggerWarnings(logger: LoggerLookup | undefined, named: NamedSecret | undefined): string[] {
  if (logger === undefined || named !== undefined) return [];
  const { account, accountName, missing } = logger;
  if (account === undefined) {
    return [
      `service account ${accountName} does not exist: create it with the Secret of the logger's object store, ` +
        `or name another in spec.predictor.logger.storage.serviceAccountName`,
    ];
  }
  return missing.map(
    (name) => `Secret ${name} of the logger's service account ${accountName} does not exist; create it`,
  );
}

function leftOutWarning(lookup: Pick<CredentialLookup, 'account' | 'leftOut'> | undefined): string[] {
  if (lookup?.leftOut !== true) return [];
  const { name } = lookup.account?.metadata ?? { name: '' };
  return [
    `service account ${name} lists more than ${MOST_SECRETS} Secrets; the agent ignores the rest: ` +
      'list the ones that it needs first',
  ];
}

function accountParts(account: ServiceAccount | undefined, settings: CredentialSettings): CredentialParts[] {
  const annotations = account?.metadata.annotations ?? {};
  if (!Object.hasOwn(annotations, AWS_ROLE_ANNOTATION)) return [];
  const { env, warnings } = s3Environment({ annotations, config: settings.s3 ?? {} });
  return [{ ...NO_PARTS, env, ...(warnings.length > 0 ? { warnings } : {}) }];
}

/**
 * Of several S3 Secrets, the first gives the keys and every one gives settings: KServe merges values but not
 * references.
 */
function firstKeysStay(parts: readonly CredentialParts[]): CredentialParts[] {
  const first = parts.findIndex(hasS3Keys);
  return parts.map((each, index) =>
    index === first || !hasS3Keys(each)
      ? each
      : { ...each, env: each.env.filter(({ name }) => !S3_KEYS.has(name)) },
  );
}

function hasS3Keys({ env }: CredentialParts): boolean {
  return env.some(({ name }) => S3_KEYS.has(name));
}

interface Found {
  readonly secret: SecretFacts;
  readonly parts: CredentialParts;
}

function twiceWarnings(found: readonly Found[]): string[] {
  const s3 = found.filter(({ parts }) => hasS3Keys(parts)).map(({ secret }) => secret.name);
  const mixed =
    s3.length < 2
      ? []
      : [
          `Secrets ${s3.join(', ')} are all for S3: the keys come from ${s3[0] ?? ''}, the settings from each of them`,
        ];
  const mounting = found.filter(({ parts }) => parts.volumes.length > 0);
  const leftOut = mounting.flatMap(({ secret, parts }, index) => {
    const earlier = mounting
      .slice(0, index)
      .find((other) => other.parts.volumes[0]?.name === parts.volumes[0]?.name);
    if (earlier === undefined) return [];
    return [
      `Secret ${secret.name} is not mounted: ${earlier.secret.name} is of the same kind, and comes first`,
    ];
  });
  return [...mixed, ...leftOut];
}

function isNothing({ env, volumes, warnings = [] }: CredentialParts): boolean {
  return env.length === 0 && volumes.length === 0 && warnings.length === 0;
}

function offWarning({ annotation, name }: NamedSecret): string {
  return `${annotation} names Secret ${name}, but the manager gives no credentials (--no-inject-credentials)`;
}

function faultOfName({ annotation, name }: NamedSecret, missing: readonly string[]): string | undefined {
  if (!isSecretName(name)) {
    return `the annotation ${annotation} does not hold the name of a Secret; correct it, or remove it`;
  }
  if (!missing.includes(name)) return undefined;
  return `the annotation ${annotation} names Secret ${name}, which does not exist in this namespace; create it, or remove the annotation`;
}
