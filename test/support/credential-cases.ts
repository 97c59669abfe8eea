import type { EnvVar } from '../../src/contract/pod.ts';
import {
  SHIPPED,
  KEYS,
  GOOGLE,
  NAMED,
  ROLE,
  S3_DATA,
  S3_FIELDS,
  configured,
  s3,
  ALL_S3,
  from,
  refs,
  NEVER_IN_CLEAR,
} from './credential-case.ts';
import type { CredentialCase } from './credential-case.ts';
import { S3_SECRETS } from './credential-cases-s3.ts';

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

/** Every input of KServe's credential builder. Source: KServe v0.17, pkg/credentials. */
export const CREDENTIAL_CASES: readonly CredentialCase[] = [
  ...S3_SECRETS,
  ...ACCOUNTS,
  ...NAMED_SECRETS,
  ...OTHER_SECRETS,
];
