import type { Secret } from './kubernetes.ts';
import type { EnvVar, Volume, VolumeMount } from './pod.ts';
import type { CredentialSettings } from './system-config.ts';

/**
 * What the agent's container gets from one Secret of the pod's service account. Values stay in the Secret and are
 * referred to, with the one exception of https headers, whose variable's name comes out of the Secret itself.
 */
export interface SecretFacts {
  readonly name: string;
  readonly keys: ReadonlySet<string>;
  readonly annotations: Readonly<Record<string, string>>;
  /** Only for a Secret with the keys `https-host` and `headers`. */
  readonly https?: { readonly host: string; readonly headers: string };
}

/**
 * The facts of a Secret. Of its values only https headers leave this function. The host loses the line break that
 * `echo` leaves behind it: in a variable's name it would make the whole pod invalid.
 */
export function factsOfSecret(secret: Secret): SecretFacts {
  const data = new Map(Object.entries(secret.data ?? {}));
  const host = data.get('https-host');
  const headers = data.get('headers');
  const https =
    host === undefined || headers === undefined
      ? undefined
      : { host: decode(host).trim(), headers: decode(headers) };
  return {
    name: secret.metadata.name,
    keys: new Set(data.keys()),
    annotations: secret.metadata.annotations ?? {},
    ...(https === undefined ? {} : { https }),
  };
}

function decode(base64: string): string {
  return new TextDecoder().decode(Uint8Array.from(atob(base64), (character) => character.charCodeAt(0)));
}

export interface CredentialParts {
  readonly env: readonly EnvVar[];
  readonly volumes: readonly Volume[];
  readonly volumeMounts: readonly VolumeMount[];
}

/** KServe's annotations on an S3 Secret, all under this prefix. */
const ANNOTATION = 'serving.kserve.io/';
const GCS_FILE = 'gcloud-application-credentials.json';
const GCS_MOUNT_PATH = '/var/secrets/';
const GCS_VOLUME = 'user-gcp-sa';
const HF_TOKEN = 'HF_TOKEN';

/** Azure's variable, and the older spelling of its key that a Secret may still use. */
const AZURE_KEYS: readonly (readonly [string, string])[] = [
  ['AZURE_SUBSCRIPTION_ID', 'AZ_SUBSCRIPTION_ID'],
  ['AZURE_TENANT_ID', 'AZ_TENANT_ID'],
  ['AZURE_CLIENT_ID', 'AZ_CLIENT_ID'],
  ['AZURE_CLIENT_SECRET', 'AZ_CLIENT_SECRET'],
  ['AZURE_STORAGE_ACCESS_KEY', 'AZURE_STORAGE_ACCESS_KEY'],
];

const NOTHING: CredentialParts = { env: [], volumes: [], volumeMounts: [] };

/**
 * Credentials for the agent, from one Secret. The first kind that fits counts, in KServe's order: S3, GCS, Azure,
 * https, Hugging Face. The order of variables is KServe's too (`pkg/credentials`). A Secret with only one half of the
 * S3 keys is none: a reference to the other half would keep the pod from starting.
 */
export function credentialsFromSecret(secret: SecretFacts, settings: CredentialSettings): CredentialParts {
  const s3Keys = [settings.s3AccessKeyIdName, settings.s3SecretAccessKeyName];
  if (s3Keys.every((key) => secret.keys.has(key))) return { ...NOTHING, env: s3Env(secret, settings) };
  if (secret.keys.has(GCS_FILE)) return gcsParts(secret);
  const azure = azureEnv(secret);
  if (azure.length > 0) return { ...NOTHING, env: azure };
  if (secret.https !== undefined) {
    return { ...NOTHING, env: [{ name: `${secret.https.host}-headers`, value: secret.https.headers }] };
  }
  if (secret.keys.has(HF_TOKEN)) return { ...NOTHING, env: [fromSecret(HF_TOKEN, secret.name, HF_TOKEN)] };
  return NOTHING;
}

function s3Env(secret: SecretFacts, settings: CredentialSettings): EnvVar[] {
  const env = [
    fromSecret('AWS_ACCESS_KEY_ID', secret.name, settings.s3AccessKeyIdName),
    fromSecret('AWS_SECRET_ACCESS_KEY', secret.name, settings.s3SecretAccessKeyName),
  ];
  const annotation = (suffix: string): string | undefined => secret.annotations[`${ANNOTATION}${suffix}`];
  const add = (name: string, value: string | undefined): void => {
    if (value !== undefined && value !== '') env.push({ name, value });
  };
  const endpoint = annotation('s3-endpoint');
  if (endpoint !== undefined && endpoint !== '') {
    const useHttps = annotation('s3-usehttps');
    add('S3_USE_HTTPS', useHttps);
    add('S3_ENDPOINT', endpoint);
    add('AWS_ENDPOINT_URL', `${useHttps === '0' ? 'http' : 'https'}://${endpoint}`);
  }
  add('S3_VERIFY_SSL', annotation('s3-verifyssl'));
  add('awsAnonymousCredential', annotation('s3-useanoncredential'));
  add('AWS_DEFAULT_REGION', annotation('s3-region'));
  add('S3_USER_VIRTUAL_BUCKET', annotation('s3-usevirtualbucket'));
  add('S3_USE_ACCELERATE', annotation('s3-useaccelerate'));
  add('AWS_CA_BUNDLE', annotation('s3-cabundle'));
  add('AWS_CA_BUNDLE_CONFIGMAP', annotation('s3-cabundle-configmap'));
  return env;
}

function gcsParts(secret: SecretFacts): CredentialParts {
  return {
    env: [{ name: 'GOOGLE_APPLICATION_CREDENTIALS', value: `${GCS_MOUNT_PATH}${GCS_FILE}` }],
    volumes: [{ name: GCS_VOLUME, secret: { secretName: secret.name } }],
    volumeMounts: [{ name: GCS_VOLUME, readOnly: true, mountPath: GCS_MOUNT_PATH }],
  };
}

function azureEnv(secret: SecretFacts): EnvVar[] {
  const env: EnvVar[] = [];
  for (const [name, legacyKey] of AZURE_KEYS) {
    const key = secret.keys.has(legacyKey) ? legacyKey : name;
    if (secret.keys.has(key)) env.push(fromSecret(name, secret.name, key));
  }
  return env;
}

function fromSecret(variable: string, secret: string, key: string): EnvVar {
  return { name: variable, valueFrom: { secretKeyRef: { name: secret, key } } };
}
