import type { EnvVar } from '../../src/core/pod.ts';

/** One input of KServe's credential builder, or what holds between several of them. */
export interface CredentialCase {
  readonly name: string;
  /** KServe's `credentials` entry; {@link SHIPPED} where a case says nothing, `null` for none at all. */
  readonly config?: Readonly<Record<string, unknown>> | null;
  /** Each Secret with its data in plain. They are prefixed with the case's name, since names are shared by all cases. */
  readonly secrets?: Readonly<Record<string, SecretCase>>;
  /** The pod's service account; `null`: it names one that does not exist. */
  readonly account?: {
    readonly annotations?: Readonly<Record<string, string>>;
    /** Names of Secrets, all of them where this is left out. */
    readonly secrets?: readonly string[];
  } | null;
  readonly podAnnotations?: Readonly<Record<string, string>>;
  readonly differs?: Difference;
}

export interface SecretCase {
  readonly data: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
}

/** What is otherwise here than with KServe. */
export interface Difference {
  /** Why; docs/credentials.md says the same. */
  readonly because: string;
  /** Variables that differ, in place of KServe's of the same name. */
  readonly env?: Readonly<Record<string, EnvVar>>;
  /** All of it, where KServe refuses the pod, or gives something else altogether. */
  readonly answer?: 'nothing' | { readonly env: readonly EnvVar[]; readonly secretVolume?: SecretVolume };
  /** What the admission warning says; a difference that adds something has none. */
  readonly warning?: string;
}

export interface SecretVolume {
  readonly name: string;
  readonly secretName: string;
  readonly mountPath: string;
}

/** As KServe v0.17 ships it in config/configmap/inferenceservice.yaml. */
const SHIPPED = {
  storageSpecSecretName: 'storage-config',
  storageSecretNameAnnotation: 'serving.kserve.io/storageSecretName',
  gcs: { gcsCredentialFileName: 'gcloud-application-credentials.json' },
  s3: { s3AccessKeyIDName: 'AWS_ACCESS_KEY_ID', s3SecretAccessKeyName: 'AWS_SECRET_ACCESS_KEY' },
} as const;

/** The `credentials` entry of a case; undefined when there is none. */
export function configOf({ config }: CredentialCase): string | undefined {
  return config === null ? undefined : JSON.stringify(config ?? SHIPPED);
}

/** The name of a case's Secret in the cluster. */
export function secretNameOf({ name }: CredentialCase, secret: string): string {
  return `${name}-${secret}`;
}

const KEYS = { AWS_ACCESS_KEY_ID: 'canary-id', AWS_SECRET_ACCESS_KEY: 'canary-key' };
const GOOGLE = 'gcloud-application-credentials.json';
const NAMED = 'serving.kserve.io/storageSecretName';
const ROLE = { 'eks.amazonaws.com/role-arn': 'arn:aws:iam::123456789012:role/models' };
const S3_DATA = {
  S3_ENDPOINT: 'canary-data:9000',
  S3_USE_HTTPS: '0',
  S3_VERIFY_SSL: '0',
  awsAnonymousCredential: 'false',
  AWS_DEFAULT_REGION: 'canary-region',
  S3_USER_VIRTUAL_BUCKET: 'false',
  S3_USE_ACCELERATE: 'false',
  AWS_CA_BUNDLE: '/canary/ca.crt',
  AWS_CA_BUNDLE_CONFIGMAP: 'canary-ca',
};
const S3_FIELDS = {
  s3Endpoint: 'config:9000',
  s3UseHttps: '0',
  s3VerifySSL: '0',
  s3UseAnonymousCredential: 'false',
  s3Region: 'config-region',
  s3UseVirtualBucket: 'false',
  s3UseAccelerate: 'false',
  s3CABundle: '/etc/config/ca.crt',
  s3CABundleConfigMap: 'config-ca',
};
const configured = (s3: object, rest: object = {}) => ({ ...SHIPPED, ...rest, s3: { ...SHIPPED.s3, ...s3 } });
const s3 = (annotations: Record<string, string>): Record<string, string> =>
  Object.fromEntries(
    Object.entries(annotations).map(([key, value]) => [`serving.kserve.io/s3-${key}`, value]),
  );
const ALL_S3 = s3({
  endpoint: 'annotation:9000',
  usehttps: '0',
  verifyssl: '0',
  useanoncredential: 'false',
  region: 'annotation-region',
  usevirtualbucket: 'false',
  useaccelerate: 'false',
  cabundle: '/etc/annotation/ca.crt',
  'cabundle-configmap': 'annotation-ca',
});

const from = (secret: string, variable: string, key = variable): EnvVar => ({
  name: variable,
  valueFrom: { secretKeyRef: { name: secret, key } },
});
const refs = (secret: string, ...variables: readonly string[]): Record<string, EnvVar> =>
  Object.fromEntries(variables.map((variable) => [variable, from(secret, variable)]));
const NEVER_IN_CLEAR = "a Secret's data is referred to, and not written into the pod";

const S3_SECRETS: readonly CredentialCase[] = [
  { name: 's3-keys', secrets: { s: { data: KEYS } } },
  { name: 's3-annotations', secrets: { s: { data: KEYS, annotations: ALL_S3 } } },
  { name: 's3-https-unless-told', secrets: { s: { data: KEYS, annotations: s3({ endpoint: 'store' }) } } },
  {
    name: 's3-scheme-in-annotation',
    secrets: { s: { data: KEYS, annotations: s3({ endpoint: ' HTTPS://store:9000 ', usehttps: '0' }) } },
  },
  {
    name: 's3-usehttps-without-endpoint',
    secrets: { s: { data: KEYS, annotations: s3({ usehttps: '0' }) } },
  },
  {
    name: 's3-data',
    secrets: { s: { data: { ...KEYS, ...S3_DATA } } },
    differs: {
      because: NEVER_IN_CLEAR,
      env: {
        ...refs('s3-data-s', ...Object.keys(S3_DATA)),
        AWS_ENDPOINT_URL: { name: 'AWS_ENDPOINT_URL', value: 'http://$(S3_ENDPOINT)' },
      },
    },
  },
  {
    name: 's3-data-with-scheme',
    secrets: { s: { data: { ...KEYS, S3_ENDPOINT: 'http://canary-data:9000' } } },
    differs: {
      because: NEVER_IN_CLEAR,
      env: {
        S3_ENDPOINT: from('s3-data-with-scheme-s', 'S3_ENDPOINT'),
        AWS_ENDPOINT_URL: from('s3-data-with-scheme-s', 'AWS_ENDPOINT_URL', 'S3_ENDPOINT'),
      },
    },
  },
  {
    name: 's3-annotations-over-data',
    secrets: { s: { data: { ...KEYS, ...S3_DATA }, annotations: ALL_S3 } },
  },
  {
    name: 's3-empty-annotations-are-none',
    config: configured(S3_FIELDS),
    secrets: {
      s: {
        data: { ...KEYS, ...S3_DATA },
        annotations: Object.fromEntries(Object.keys(ALL_S3).map((key) => [key, ''])),
      },
    },
  },
  {
    name: 's3-empty-data-is-none',
    config: configured(S3_FIELDS),
    secrets: {
      s: { data: { ...KEYS, ...Object.fromEntries(Object.keys(S3_DATA).map((key) => [key, ''])) } },
    },
  },
  { name: 's3-config', config: configured(S3_FIELDS), secrets: { s: { data: KEYS } } },
  {
    name: 's3-config-with-scheme',
    config: configured({ s3Endpoint: 'https://config:9000', s3UseHttps: '0' }),
    secrets: { s: { data: KEYS } },
  },
  {
    name: 's3-annotations-over-config',
    config: configured(S3_FIELDS),
    secrets: { s: { data: KEYS, annotations: ALL_S3 } },
  },
  {
    name: 's3-data-over-config',
    config: configured(S3_FIELDS),
    secrets: { s: { data: { ...KEYS, AWS_DEFAULT_REGION: 'canary-region' } } },
    differs: { because: NEVER_IN_CLEAR, env: refs('s3-data-over-config-s', 'AWS_DEFAULT_REGION') },
  },
  {
    name: 's3-keys-renamed',
    config: configured({ s3AccessKeyIDName: 'id', s3SecretAccessKeyName: 'key' }),
    secrets: { s: { data: { id: 'canary', key: 'canary' } }, t: { data: KEYS } },
  },
  {
    name: 's3-keys-named-by-the-code',
    config: {},
    secrets: { s: { data: { awsAccessKeyID: 'canary', awsSecretAccessKey: 'canary' } } },
  },
  {
    name: 's3-keys-not-configured',
    config: {},
    secrets: { s: { data: KEYS } },
    differs: {
      because: 'what the configuration leaves out is as KServe ships it, for clusters without KServe',
      answer: { env: Object.values(refs('s3-keys-not-configured-s', ...Object.keys(KEYS))) },
    },
  },
  {
    name: 's3-half',
    secrets: { s: { data: { AWS_SECRET_ACCESS_KEY: 'canary' } } },
    differs: {
      because: 'a reference to a key that is not there keeps the pod from starting',
      answer: 'nothing',
      warning: 'has the key AWS_SECRET_ACCESS_KEY but not AWS_ACCESS_KEY_ID',
    },
  },
  { name: 's3-other-half', secrets: { s: { data: { AWS_ACCESS_KEY_ID: 'canary' } } } },
  {
    name: 's3-twice',
    secrets: {
      s: { data: KEYS, annotations: s3({ endpoint: 'first:9000', region: 'first' }) },
      t: { data: KEYS, annotations: s3({ region: 'second', verifyssl: '0' }) },
    },
  },
  {
    name: 's3-before-all-others',
    secrets: {
      s: {
        data: {
          ...KEYS,
          [GOOGLE]: '{}',
          AZURE_CLIENT_ID: 'canary',
          'https-host': 'models.example',
          headers: '{}',
          HF_TOKEN: 'canary',
        },
      },
    },
  },
];

const ACCOUNTS: readonly CredentialCase[] = [
  { name: 'account-role', account: { annotations: { ...ROLE, ...ALL_S3 } } },
  { name: 'account-role-alone', account: { annotations: ROLE } },
  { name: 'account-role-and-config', config: configured(S3_FIELDS), account: { annotations: ROLE } },
  { name: 'account-role-empty', account: { annotations: { 'eks.amazonaws.com/role-arn': '', ...ALL_S3 } } },
  { name: 'account-without-role', account: { annotations: ALL_S3 } },
  {
    name: 'account-role-and-s3-secret',
    account: { annotations: { ...ROLE, ...ALL_S3 } },
    secrets: { s: { data: KEYS, annotations: s3({ endpoint: 'secret', region: 'secret' }) } },
  },
  {
    name: 'account-role-and-s3-data',
    account: { annotations: { ...ROLE, ...ALL_S3 } },
    secrets: { s: { data: { ...KEYS, ...S3_DATA } } },
    differs: {
      because: NEVER_IN_CLEAR,
      env: {
        ...refs('account-role-and-s3-data-s', ...Object.keys(S3_DATA)),
        AWS_ENDPOINT_URL: { name: 'AWS_ENDPOINT_URL', value: 'http://$(S3_ENDPOINT)' },
      },
    },
  },
  {
    name: 'account-role-and-google-secret',
    account: { annotations: { ...ROLE, ...ALL_S3 } },
    secrets: { s: { data: { [GOOGLE]: '{}' } } },
  },
  { name: 'account-missing', account: null, secrets: { s: { data: KEYS } } },
  {
    name: 'account-names-missing-secret',
    account: { secrets: ['gone', 's'] },
    secrets: { s: { data: KEYS } },
    differs: {
      because: 'one Secret that is gone does not keep all pods of an account from being created',
      answer: { env: Object.values(refs('account-names-missing-secret-s', ...Object.keys(KEYS))) },
      warning: 'account-names-missing-secret-gone of the pod',
    },
  },
  { name: 'account-names-unknown-secret', secrets: { s: { data: { password: 'canary' } } } },
];

const NAMED_SECRETS: readonly CredentialCase[] = [
  {
    name: 'named-secret',
    podAnnotations: { [NAMED]: 'named-secret-s' },
    account: { secrets: ['t'] },
    secrets: {
      s: { data: KEYS, annotations: s3({ endpoint: 'named:9000', usehttps: '0' }) },
      t: { data: { HF_TOKEN: 'canary' } },
    },
  },
  {
    name: 'named-secret-and-role',
    podAnnotations: { [NAMED]: 'named-secret-and-role-s' },
    account: { annotations: { ...ROLE, ...ALL_S3 }, secrets: [] },
    secrets: { s: { data: KEYS, annotations: s3({ endpoint: 'named:9000' }) } },
  },
  { name: 'named-secret-missing', podAnnotations: { [NAMED]: 'gone' }, account: {} },
  { name: 'named-secret-empty', podAnnotations: { [NAMED]: '' }, account: {} },
  {
    name: 'named-secret-unknown',
    podAnnotations: { [NAMED]: 'named-secret-unknown-s' },
    account: { secrets: ['t'] },
    secrets: { s: { data: { password: 'canary' } }, t: { data: KEYS } },
  },
  {
    name: 'named-secret-by-another-annotation',
    config: { ...SHIPPED, storageSecretNameAnnotation: 'example.com/secret' },
    podAnnotations: { 'example.com/secret': 'named-secret-by-another-annotation-s', [NAMED]: 'gone' },
    account: { secrets: ['t'] },
    secrets: { s: { data: KEYS }, t: { data: { HF_TOKEN: 'canary' } } },
  },
  {
    name: 'named-secret-switched-off',
    config: { ...SHIPPED, storageSecretNameAnnotation: '' },
    podAnnotations: { [NAMED]: 'gone' },
    secrets: { s: { data: KEYS } },
  },
  {
    name: 'named-secret-not-configured',
    config: { s3: SHIPPED.s3 },
    podAnnotations: { [NAMED]: 'named-secret-not-configured-s' },
    account: { secrets: ['t'] },
    secrets: { s: { data: KEYS }, t: { data: { HF_TOKEN: 'canary' } } },
    differs: {
      because: 'what the configuration leaves out is as KServe ships it, for clusters without KServe',
      answer: { env: Object.values(refs('named-secret-not-configured-s', ...Object.keys(KEYS))) },
    },
  },
  {
    name: 'storage-spec-secret-is-not-for-agents',
    config: { ...SHIPPED, storageSpecSecretName: 'storage-spec-secret-is-not-for-agents-s' },
    account: { secrets: [] },
    secrets: { s: { data: { default: '{"type":"s3"}' } } },
  },
];

const AZURE = {
  AZURE_SUBSCRIPTION_ID: 'canary',
  AZURE_TENANT_ID: 'canary',
  AZURE_CLIENT_ID: 'canary',
  AZURE_CLIENT_SECRET: 'canary',
};
const noTenant = (secret: string): EnvVar => ({
  name: 'AZURE_TENANT_ID',
  valueFrom: { secretKeyRef: { name: secret, key: 'AZURE_TENANT_ID', optional: true } },
});
const TENANT_BECAUSE = 'a reference to a key that is not there keeps the pod from starting';
const HEADERS = { 'https-host': 'models.example', headers: '{"Authorization":"canary"}' };

const OTHER_SECRETS: readonly CredentialCase[] = [
  { name: 'google', secrets: { s: { data: { [GOOGLE]: '{}' } } } },
  {
    name: 'google-file-renamed',
    config: { ...SHIPPED, gcs: { gcsCredentialFileName: 'key.json' } },
    secrets: { s: { data: { 'key.json': '{}' } }, t: { data: { [GOOGLE]: '{}' } } },
  },
  {
    name: 'google-twice',
    secrets: { s: { data: { [GOOGLE]: '{}' } }, t: { data: { [GOOGLE]: '{}' } } },
    differs: {
      because: 'the API server refuses a pod that mounts twice at one path',
      answer: {
        env: [{ name: 'GOOGLE_APPLICATION_CREDENTIALS', value: `/var/secrets/${GOOGLE}` }],
        secretVolume: { name: 'user-gcp-sa', secretName: 'google-twice-s', mountPath: '/var/secrets/' },
      },
      warning: 'google-twice-t is not mounted',
    },
  },
  { name: 'azure', secrets: { s: { data: AZURE } } },
  {
    name: 'azure-older-keys',
    secrets: {
      s: {
        data: {
          AZ_SUBSCRIPTION_ID: 'canary',
          AZ_TENANT_ID: 'canary',
          AZ_CLIENT_ID: 'canary',
          AZ_CLIENT_SECRET: 'canary',
          AZURE_CLIENT_SECRET: 'canary',
        },
      },
    },
  },
  {
    name: 'azure-all-keys',
    secrets: {
      s: {
        data: {
          ...AZURE,
          AZURE_STORAGE_ACCESS_KEY: 'canary',
          AZURE_ACCESS_TOKEN: 'canary',
          AZURE_ACCESS_EXPIRES_ON_SECONDS: '0',
          AZURE_ACCOUNT_NAME: 'canary',
          AZURE_SERVICE_URL: 'https://canary.example',
        },
      },
    },
  },
  {
    name: 'azure-token',
    secrets: { s: { data: { AZURE_ACCESS_TOKEN: 'canary', AZURE_ACCOUNT_NAME: 'canary' } } },
    differs: {
      because: TENANT_BECAUSE,
      env: { AZURE_TENANT_ID: noTenant('azure-token-s') },
      warning: 'azure-token-s has no key AZURE_TENANT_ID',
    },
  },
  {
    name: 'azure-client-id-alone',
    secrets: { s: { data: { AZURE_CLIENT_ID: 'canary' } } },
    differs: {
      because: TENANT_BECAUSE,
      env: { AZURE_TENANT_ID: noTenant('azure-client-id-alone-s') },
      warning: 'azure-client-id-alone-s has no key AZURE_TENANT_ID',
    },
  },
  {
    name: 'azure-account-key',
    secrets: { s: { data: { AZURE_STORAGE_ACCESS_KEY: 'canary', AZURE_ACCOUNT_NAME: 'canary' } } },
  },
  { name: 'azure-client-secret-marks-nothing', secrets: { s: { data: { AZURE_CLIENT_SECRET: 'canary' } } } },
  {
    name: 'https-headers',
    secrets: { s: { data: HEADERS } },
    differs: {
      because: NEVER_IN_CLEAR,
      env: { 'models.example-headers': from('https-headers-s', 'models.example-headers', 'headers') },
    },
  },
  {
    name: 'https-headers-with-port',
    secrets: { s: { data: { ...HEADERS, 'https-host': 'models.example:8443' } } },
    differs: {
      because: NEVER_IN_CLEAR,
      env: {
        'models.example:8443-headers': from(
          'https-headers-with-port-s',
          'models.example:8443-headers',
          'headers',
        ),
      },
    },
  },
  {
    name: 'https-host-with-line-break',
    secrets: { s: { data: { ...HEADERS, 'https-host': 'models.example\n' } } },
    differs: {
      because: 'the line break that echo leaves is not part of a host; the API server refuses it in a name',
      answer: { env: [from('https-host-with-line-break-s', 'models.example-headers', 'headers')] },
    },
  },
  {
    name: 'https-host-is-none',
    secrets: { s: { data: { ...HEADERS, 'https-host': 'https://canary.example' } } },
    differs: {
      because: 'no agent finds headers under such a name, and it would be a value of a Secret in clear',
      answer: 'nothing',
      warning: 'is not a host',
    },
  },
  {
    name: 'https-host-alone',
    secrets: { s: { data: { 'https-host': 'models.example', HF_TOKEN: 'canary' } } },
  },
  {
    name: 'hdfs',
    secrets: { s: { data: { HDFS_NAMENODE: 'canary', HDFS_ROOTPATH: '/', HF_TOKEN: 'canary' } } },
  },
  { name: 'hugging-face', secrets: { s: { data: { HF_TOKEN: 'canary' } } } },
  {
    name: 'several-kinds',
    secrets: {
      s: { data: { HF_TOKEN: 'canary' } },
      t: { data: KEYS, annotations: s3({ endpoint: 'store:9000' }) },
      u: { data: { [GOOGLE]: '{}' } },
      v: { data: AZURE },
    },
  },
];

export const CREDENTIAL_CASES: readonly CredentialCase[] = [
  ...S3_SECRETS,
  ...ACCOUNTS,
  ...NAMED_SECRETS,
  ...OTHER_SECRETS,
];
