import type { ServiceAccount } from './kubernetes.ts';
import { AWS_ROLE_ANNOTATION, STORAGE_SECRET_ANNOTATION } from './names.ts';
import type { Pod } from './pod.ts';
import { s3Annotations, s3Environment } from './s3-settings.ts';
import { credentialsFromSecret, NO_PARTS, S3_KEY_VARIABLES } from './storage-credentials.ts';
import type { CredentialParts, SecretFacts } from './storage-credentials.ts';
import type { CredentialSettings } from './system-config.ts';

const S3_KEYS: ReadonlySet<string> = new Set(Object.values(S3_KEY_VARIABLES));

const LONGEST_NAME = 253;
/** Of what a service account lists, so many Secrets are looked at; KServe asks for each, however many there are. */
export const MOST_SECRETS = 64;

/**
 * What is kept of a service account: the names of its Secrets, and annotations only where they are read. Of the role it is of
 * interest that there is one.
 */
export function storageAccount(account: ServiceAccount): ServiceAccount {
  const { name, namespace = '', uid = '', resourceVersion = '', annotations = {} } = account.metadata;
  const kept = Object.hasOwn(annotations, AWS_ROLE_ANNOTATION)
    ? { annotations: { ...s3Annotations(annotations), [AWS_ROLE_ANNOTATION]: '' } }
    : {};
  return {
    metadata: { name, namespace, uid, resourceVersion, ...kept },
    // One more than is looked at, so that it shows that there are more.
    secrets: secretsOf(account).slice(0, MOST_SECRETS + 1),
  };
}

/** The API server lets a tenant put any text there, as long as it likes. */
function secretsOf({ secrets = [] }: ServiceAccount): { readonly name: string }[] {
  return secrets.flatMap(({ name }) => (name === undefined || name.length > LONGEST_NAME ? [] : [{ name }]));
}

/** The Secret that a pod itself names, if it does; it takes the place of those of its service account. */
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

/** RFC 1123, as the names of Secrets are: whatever else an annotation holds is not asked for. */
export function isSecretName(name: string): boolean {
  return (
    name.length <= LONGEST_NAME &&
    /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/.test(name)
  );
}

/** What was found for the account of a logger's object store, beside that of the pod. */
interface LoggerLookup extends Pick<CredentialLookup, 'account' | 'secrets' | 'missing' | 'leftOut'> {
  readonly accountName: string;
}

/** What was found for one pod. */
export interface CredentialLookup {
  /** Undefined when there is no such service account. */
  readonly account: ServiceAccount | undefined;
  readonly named: NamedSecret | undefined;
  /** Those of the service account, or the one that the pod names. */
  readonly secrets: readonly SecretFacts[];
  /** Names of those that do not exist. */
  readonly missing: readonly string[];
  /** Whether the service account lists more Secrets than were looked at. */
  readonly leftOut?: boolean;
  /** Only for a pod whose logger has an object store. */
  readonly logger?: LoggerLookup;
  /** Set when no Secrets may be read. */
  readonly off?: boolean;
}

interface PodCredentials {
  readonly parts: readonly CredentialParts[];
  readonly warnings: readonly string[];
  /** Why the pod must not be created as it is. */
  readonly refusal?: string;
}

/**
 * All of a pod's credentials: by its service account's annotations, then by Secrets, later ones over earlier ones; then those of
 * its logger in the same way.
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

/** Both accounts may list the same one, and a pod may name one for both. */
function distinctSecrets({ secrets, logger }: CredentialLookup): SecretFacts[] {
  const all = [...secrets, ...(logger?.secrets ?? [])];
  return [...new Map(all.map((secret) => [secret.name, secret])).values()];
}

function loggerWarnings(logger: LoggerLookup | undefined, named: NamedSecret | undefined): string[] {
  if (logger === undefined || named !== undefined) return [];
  const { account, accountName, missing } = logger;
  if (account === undefined) {
    return [
      `service account ${accountName} does not exist, whose Secrets open the store of the logger: create it with one, ` +
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
    `service account ${name} lists more than ${MOST_SECRETS} Secrets; the agent gets none of those after them: ` +
      'list first those that it needs',
  ];
}

function accountParts(account: ServiceAccount | undefined, settings: CredentialSettings): CredentialParts[] {
  const annotations = account?.metadata.annotations ?? {};
  if (!Object.hasOwn(annotations, AWS_ROLE_ANNOTATION)) return [];
  const { env, warnings } = s3Environment({ annotations, config: settings.s3 ?? {} });
  return [{ ...NO_PARTS, env, ...(warnings.length > 0 ? { warnings } : {}) }];
}

/** Of several Secrets of S3 the first gives the keys and each the settings: KServe merges values, and not references. */
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
          `Secrets ${s3.join(', ')} are all for S3: the keys are those of ${s3[0] ?? ''}, the settings those of each`,
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
