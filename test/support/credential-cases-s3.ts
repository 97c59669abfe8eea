import {
  KEYS,
  GOOGLE,
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

/** Secrets with S3 keys, and the places of their settings. */
export const S3_SECRETS: readonly CredentialCase[] = [
  { name: 's3-keys', secrets: { s: { data: KEYS } } },
  { name: 's3-annotations', secrets: { s: { data: KEYS, annotations: ALL_S3 } } },
  { name: 's3-https-by-default', secrets: { s: { data: KEYS, annotations: s3({ endpoint: 'store' }) } } },
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
