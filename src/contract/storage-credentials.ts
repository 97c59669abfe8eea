import type { Secret } from './kubernetes.ts';
import type { EnvVar, Volume, VolumeMount } from './pod.ts';
import { s3Annotations, s3Environment, S3_SETTING_KEYS, secretSettings } from './s3-settings.ts';
import type { SecretSettings } from './s3-settings.ts';
import type { CredentialSettings } from './system-config.ts';

/**
 * The facts needed to refer to a Secret. Values stay in the Secret: none leaves {@link factsOfSecret} except an https
 * host, from which KServe's agent and this one derive the name of the variable with its headers.
 */
export interface SecretFacts {
  readonly name: string;
  readonly keys: ReadonlySet<string>;
  readonly annotations: Readonly<Record<string, string>>;
  /** Only for a Secret with the keys `https-host` and `headers`, and only if the value can be a host. */
  readonly https?: { readonly host: string };
  /** Only for a Secret with S3 settings beside the keys. */
  readonly s3?: SecretSettings;
}

/**
 * `host`, `host:port`, `[address]`. Anything else would disclose a value of a Secret, and is not valid in a variable's
 * name.
 */
const HOST = /^[A-Za-z0-9._:[\]-]{1,253}$/;
/** Of a Secret with more keys, the last by name are not read: it is not a storage Secret. */
const MOST_KEYS = 1000;
const HTTPS_HOST = 'https-host';
const HTTPS_HEADERS = 'headers';

/**
 * The facts of a Secret. The line break that `echo` leaves after a host is removed: in a variable's name it would make
 * the pod invalid.
 */
export function factsOfSecret(secret: Secret): SecretFacts {
  const data = new Map(Object.entries(secret.data ?? {}).slice(0, MOST_KEYS));
  const host = data.get(HTTPS_HOST);
  const https = host === undefined || !data.has(HTTPS_HEADERS) ? undefined : { host: decode(host).trim() };
  const values = S3_SETTING_KEYS.flatMap((key) => {
    const value = data.get(key);
    return value === undefined ? [] : [[key, decode(value)] as const];
  });
  const s3 = secretSettings(new Map(values));
  return {
    name: secret.metadata.name,
    keys: new Set(data.keys()),
    annotations: s3Annotations(secret.metadata.annotations ?? {}),
    ...(https !== undefined && HOST.test(https.host) ? { https } : {}),
    ...(s3 === undefined ? {} : { s3 }),
  };
}

function decode(base64: string): string {
  return new TextDecoder().decode(Uint8Array.from(atob(base64), (character) => character.charCodeAt(0)));
}

export interface CredentialParts {
  readonly env: readonly EnvVar[];
  readonly volumes: readonly Volume[];
  readonly volumeMounts: readonly VolumeMount[];
  /** Warnings for the user who creates the pod. */
  readonly warnings?: readonly string[];
}

/** The variables of the S3 keys. */
export const S3_KEY_VARIABLES = { id: 'AWS_ACCESS_KEY_ID', secret: 'AWS_SECRET_ACCESS_KEY' } as const;

/**
 * The names in KServe's shipped configuration, mapped to those in its code, which hold when the configuration has none.
 */
const S3_KEYS_IN_CODE: ReadonlyMap<string, string> = new Map([
  ['AWS_ACCESS_KEY_ID', 'awsAccessKeyID'],
  ['AWS_SECRET_ACCESS_KEY', 'awsSecretAccessKey'],
]);

const GCS_FILE = 'gcloud-application-credentials.json';
const GCS_MOUNT_PATH = '/var/secrets/';
const GCS_VOLUME = 'user-gcp-sa';
const HDFS_NAMENODE = 'HDFS_NAMENODE';
const HDFS_MOUNT_PATH = '/var/secrets/kserve-hdfscreds';
const HDFS_VOLUME = 'hdfs-secrets';
const HF_TOKEN = 'HF_TOKEN';

/** Azure's variables in KServe's order, some with the older spelling of the key that a Secret may still have. */
const AZURE_KEYS: readonly (readonly [string, string?])[] = [
  ['AZURE_SUBSCRIPTION_ID', 'AZ_SUBSCRIPTION_ID'],
  ['AZURE_TENANT_ID', 'AZ_TENANT_ID'],
  ['AZURE_CLIENT_ID', 'AZ_CLIENT_ID'],
  ['AZURE_CLIENT_SECRET', 'AZ_CLIENT_SECRET'],
  ['AZURE_STORAGE_ACCESS_KEY'],
  ['AZURE_ACCESS_TOKEN'],
  ['AZURE_ACCESS_EXPIRES_ON_SECONDS'],
  ['AZURE_ACCOUNT_NAME'],
  ['AZURE_SERVICE_URL'],
];
/** A Secret with any of these is an Azure Secret. */
const AZURE_MARKS = ['AZ_CLIENT_ID', 'AZURE_CLIENT_ID', 'AZURE_ACCESS_TOKEN'];
const AZURE_TENANT = 'AZURE_TENANT_ID';
const AZURE_KEY = 'AZURE_STORAGE_ACCESS_KEY';

export const NO_PARTS: CredentialParts = { env: [], volumes: [], volumeMounts: [] };

/**
 * The agent's credentials from one Secret. The first matching kind in KServe's order wins, and variables keep KServe's
 * order too. Source: KServe v0.17, `pkg/credentials`; docs/credential-places.md lists what is read, and each difference.
 */
export function credentialsFromSecret(secret: SecretFacts, settings: CredentialSettings): CredentialParts {
  const { keys, name } = secret;
  const s3Keys = s3KeysIn(secret, settings);
  if (s3Keys !== undefined) return s3Parts(secret, s3Keys, settings);
  const gcsFile = settings.gcsCredentialFileName ?? GCS_FILE;
  if (keys.has(gcsFile)) return gcsParts(secret, gcsFile);
  if (AZURE_MARKS.some((key) => keys.has(key))) return azureParts(secret);
  if (keys.has(AZURE_KEY)) return { ...NO_PARTS, env: [fromSecret(AZURE_KEY, name, AZURE_KEY)] };
  if (keys.has(HTTPS_HOST) || secret.https !== undefined) return httpsParts(secret);
  if (keys.has(HDFS_NAMENODE)) {
    return {
      env: [],
      volumes: [{ name: HDFS_VOLUME, secret: { secretName: name } }],
      volumeMounts: [{ name: HDFS_VOLUME, readOnly: true, mountPath: HDFS_MOUNT_PATH }],
      warnings: [`Secret ${name} is for HDFS; it is mounted, but the agent cannot download from hdfs://`],
    };
  }
  if (keys.has(HF_TOKEN)) return { ...NO_PARTS, env: [fromSecret(HF_TOKEN, name, HF_TOKEN)] };
  return halfOfS3(secret, settings);
}

type S3Keys = readonly [id: string, secret: string];

/** The configured names, then those in KServe's code for each name that is as KServe ships it. */
function s3KeyNames(settings: CredentialSettings): S3Keys[] {
  const inCode = (name: string): string => S3_KEYS_IN_CODE.get(name) ?? name;
  const { s3AccessKeyIdName: id, s3SecretAccessKeyName: secret } = settings;
  return [
    [id, secret],
    [inCode(id), inCode(secret)],
  ];
}

/**
 * A Secret with only one of the two keys does not count: a reference to the missing one would keep the pod from
 * starting.
 */
function s3KeysIn({ keys }: SecretFacts, settings: CredentialSettings): S3Keys | undefined {
  return s3KeyNames(settings).find((names) => names.every((key) => keys.has(key)));
}

function halfOfS3({ name, keys }: SecretFacts, settings: CredentialSettings): CredentialParts {
  const half = s3KeyNames(settings).find((names) => names.some((key) => keys.has(key)));
  if (half === undefined) return NO_PARTS;
  const [there = '', missing = ''] = keys.has(half[0]) ? half : [...half].reverse();
  const warning = `Secret ${name} has the key ${there} but not ${missing}; the agent goes without both. Add the other`;
  return { ...NO_PARTS, warnings: [warning] };
}

function s3Parts(secret: SecretFacts, [id, key]: S3Keys, settings: CredentialSettings): CredentialParts {
  const { name, annotations, s3 } = secret;
  const { env, warnings } = s3Environment({
    annotations,
    ...(s3 === undefined ? {} : { secret: { name, settings: s3 } }),
    config: settings.s3 ?? {},
  });
  const refs = [fromSecret(S3_KEY_VARIABLES.id, name, id), fromSecret(S3_KEY_VARIABLES.secret, name, key)];
  return { ...NO_PARTS, env: [...refs, ...env], ...(warnings.length > 0 ? { warnings } : {}) };
}

function gcsParts(secret: SecretFacts, file: string): CredentialParts {
  return {
    env: [{ name: 'GOOGLE_APPLICATION_CREDENTIALS', value: `${GCS_MOUNT_PATH}${file}` }],
    volumes: [{ name: GCS_VOLUME, secret: { secretName: secret.name } }],
    volumeMounts: [{ name: GCS_VOLUME, readOnly: true, mountPath: GCS_MOUNT_PATH }],
  };
}

/**
 * KServe references AZURE_TENANT_ID even if the Secret lacks it, and such a pod does not start. Here the reference is
 * optional in that case.
 */
function azureParts({ name, keys }: SecretFacts): CredentialParts {
  const env = AZURE_KEYS.flatMap(([variable, older = variable]) => {
    const key = keys.has(older) ? older : variable;
    if (keys.has(key)) return [fromSecret(variable, name, key)];
    if (variable !== AZURE_TENANT) return [];
    const secretKeyRef = { name, key, optional: true };
    return [{ name: variable, valueFrom: { secretKeyRef } }];
  });
  if (keys.has(AZURE_TENANT) || keys.has('AZ_TENANT_ID')) return { ...NO_PARTS, env };
  const warning =
    `Secret ${name} has no key ${AZURE_TENANT}. KServe's own webhook would make a pod of it that does not start; ` +
    'here it starts without the variable, which a service principal needs';
  return { ...NO_PARTS, env, warnings: [warning] };
}

function httpsParts({ name, keys, https }: SecretFacts): CredentialParts {
  if (https !== undefined) {
    return { ...NO_PARTS, env: [fromSecret(`${https.host}-headers`, name, HTTPS_HEADERS)] };
  }
  const fault = keys.has(HTTPS_HEADERS)
    ? `${HTTPS_HOST} in Secret ${name} is not a host, like models.example or models.example:8443`
    : `Secret ${name} has the key ${HTTPS_HOST} but not ${HTTPS_HEADERS}`;
  return { ...NO_PARTS, warnings: [`${fault}; the agent goes without its headers`] };
}

function fromSecret(variable: string, secret: string, key: string): EnvVar {
  return { name: variable, valueFrom: { secretKeyRef: { name: secret, key } } };
}
