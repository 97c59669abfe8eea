import { describe, expect, it } from '@jest/globals';
import { credentialsFromSecret, factsOfSecret } from '../../../src/contract/storage-credentials.ts';
import type { SecretFacts } from '../../../src/contract/storage-credentials.ts';
import { DEFAULT_SYSTEM_CONFIG } from '../../../src/contract/system-config.ts';

const settings = DEFAULT_SYSTEM_CONFIG.credentials;
const base64 = (text: string) => Buffer.from(text).toString('base64');
const secret = (keys: readonly string[], rest: Partial<SecretFacts> = {}): SecretFacts => ({
  name: 's',
  keys: new Set(keys),
  annotations: {},
  ...rest,
});
const from = (name: string, key = name) => ({ name, valueFrom: { secretKeyRef: { name: 's', key } } });

const S3 = ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY'];
const GCS = 'gcloud-application-credentials.json';
const https = { host: 'models.example' };
const s3Env = S3.map((name) => from(name));
const annotated = (annotations: Record<string, string>) =>
  secret(S3, {
    annotations: Object.fromEntries(
      Object.entries(annotations).map(([key, value]) => [`serving.kserve.io/${key}`, value]),
    ),
  });

describe('variables from a Secret', () => {
  it.each([
    { name: 'S3', facts: secret(S3), env: s3Env },
    { name: 'S3 beside other keys', facts: secret([...S3, 'x']), env: s3Env },
    {
      name: 'an endpoint',
      facts: annotated({ 's3-endpoint': 'e:9000' }),
      env: [
        ...s3Env,
        { name: 'S3_ENDPOINT', value: 'e:9000' },
        { name: 'AWS_ENDPOINT_URL', value: 'https://e:9000' },
      ],
    },
    {
      name: 'an endpoint over http',
      facts: annotated({ 's3-endpoint': 'e:9000', 's3-usehttps': '0' }),
      env: [
        ...s3Env,
        { name: 'S3_USE_HTTPS', value: '0' },
        { name: 'S3_ENDPOINT', value: 'e:9000' },
        { name: 'AWS_ENDPOINT_URL', value: 'http://e:9000' },
      ],
    },
    {
      name: 'an endpoint over https',
      facts: annotated({ 's3-endpoint': 'e', 's3-usehttps': '1' }),
      env: [
        ...s3Env,
        { name: 'S3_USE_HTTPS', value: '1' },
        { name: 'S3_ENDPOINT', value: 'e' },
        { name: 'AWS_ENDPOINT_URL', value: 'https://e' },
      ],
    },
    { name: 'an empty endpoint is ignored', facts: annotated({ 's3-endpoint': '' }), env: s3Env },
    {
      name: 'region, verification, anonymity',
      facts: annotated({ 's3-region': 'r', 's3-verifyssl': '0', 's3-useanoncredential': 'true' }),
      env: [
        ...s3Env,
        { name: 'S3_VERIFY_SSL', value: '0' },
        { name: 'awsAnonymousCredential', value: 'true' },
        { name: 'AWS_DEFAULT_REGION', value: 'r' },
      ],
    },
    {
      name: 'empty annotations are ignored',
      facts: annotated({ 's3-region': '', 's3-verifyssl': '' }),
      env: s3Env,
    },
    {
      name: 'unrelated annotations',
      facts: secret(S3, { annotations: { 's3-region': 'r', 'x/s3-region': 'r', constructor: 'x' } }),
      env: s3Env,
    },
    {
      name: 'Azure',
      facts: secret(['AZURE_CLIENT_ID', 'AZURE_CLIENT_SECRET', 'AZURE_SUBSCRIPTION_ID', 'AZURE_TENANT_ID']),
      env: [
        from('AZURE_SUBSCRIPTION_ID'),
        from('AZURE_TENANT_ID'),
        from('AZURE_CLIENT_ID'),
        from('AZURE_CLIENT_SECRET'),
      ],
    },
    {
      name: 'the older keys of Azure',
      facts: secret(['AZ_CLIENT_ID', 'AZ_CLIENT_SECRET', 'AZ_SUBSCRIPTION_ID', 'AZ_TENANT_ID']),
      env: [
        from('AZURE_SUBSCRIPTION_ID', 'AZ_SUBSCRIPTION_ID'),
        from('AZURE_TENANT_ID', 'AZ_TENANT_ID'),
        from('AZURE_CLIENT_ID', 'AZ_CLIENT_ID'),
        from('AZURE_CLIENT_SECRET', 'AZ_CLIENT_SECRET'),
      ],
    },
    {
      name: 'https',
      facts: secret(['https-host', 'headers'], { https }),
      env: [from('models.example-headers', 'headers')],
    },
    { name: 'only the headers of https', facts: secret(['headers']), env: [] },
    { name: 'Hugging Face', facts: secret(['HF_TOKEN']), env: [from('HF_TOKEN')] },
    { name: 'no known keys', facts: secret(['password', '__proto__', 'constructor']), env: [] },
    { name: 'nothing', facts: secret([]), env: [] },
    { name: 'S3 before Azure', facts: secret(['AZURE_CLIENT_SECRET', ...S3]), env: s3Env },
    {
      name: 'Azure before https',
      facts: secret(['AZURE_CLIENT_ID', 'AZURE_TENANT_ID', 'https-host'], { https }),
      env: [from('AZURE_TENANT_ID'), from('AZURE_CLIENT_ID')],
    },
    {
      name: 'a key of Azure that does not mark the Secret as one for Azure',
      facts: secret(['AZURE_CLIENT_SECRET', 'HF_TOKEN']),
      env: [from('HF_TOKEN')],
    },
    {
      name: 'only the account key of Azure',
      facts: secret(['AZURE_STORAGE_ACCESS_KEY', 'AZURE_ACCOUNT_NAME']),
      env: [from('AZURE_STORAGE_ACCESS_KEY')],
    },
    {
      name: "S3 under the names in KServe's code",
      facts: secret(['awsAccessKeyID', 'awsSecretAccessKey']),
      env: [from('AWS_ACCESS_KEY_ID', 'awsAccessKeyID'), from('AWS_SECRET_ACCESS_KEY', 'awsSecretAccessKey')],
    },
    {
      name: 'https before Hugging Face',
      facts: secret(['HF_TOKEN'], { https }),
      env: [from('models.example-headers', 'headers')],
    },
  ])('$name', ({ facts, env }) => {
    expect(credentialsFromSecret(facts, settings)).toEqual({ env, volumes: [], volumeMounts: [] });
  });

  it('mounts a file for Google', () => {
    expect(credentialsFromSecret(secret([GCS, 'AZURE_CLIENT_SECRET']), settings)).toEqual({
      env: [{ name: 'GOOGLE_APPLICATION_CREDENTIALS', value: `/var/secrets/${GCS}` }],
      volumes: [{ name: 'user-gcp-sa', secret: { secretName: 's' } }],
      volumeMounts: [{ name: 'user-gcp-sa', readOnly: true, mountPath: '/var/secrets/' }],
    });
  });

  it('reads S3 from renamed keys, and not from the default ones', () => {
    const renamed = { s3AccessKeyIdName: 'id', s3SecretAccessKeyName: 'key' };
    expect(credentialsFromSecret(secret(['id', 'key']), renamed).env).toEqual([
      from('AWS_ACCESS_KEY_ID', 'id'),
      from('AWS_SECRET_ACCESS_KEY', 'key'),
    ]);
    expect(credentialsFromSecret(secret(S3), renamed).env).toEqual([]);
  });
});

describe('warns about what it leaves out', () => {
  it.each([
    { name: 'half of S3', facts: secret(['AWS_SECRET_ACCESS_KEY']), reported: 'AWS_ACCESS_KEY_ID' },
    { name: 'the other half of S3', facts: secret(['AWS_ACCESS_KEY_ID']), reported: 'AWS_SECRET_ACCESS_KEY' },
    { name: 'half of https', facts: secret(['https-host']), reported: 'not headers' },
    { name: 'an invalid https host', facts: secret(['https-host', 'headers']), reported: 'not a host' },
  ])('$name', ({ facts, reported }) => {
    const { env, volumes, warnings } = credentialsFromSecret(facts, settings);
    expect({ env, volumes }).toEqual({ env: [], volumes: [] });
    expect(warnings).toEqual([expect.stringContaining(reported)]);
  });

  it('a missing tenant of Azure, which KServe always references, does not prevent the pod from starting', () => {
    const { env, warnings } = credentialsFromSecret(secret(['AZURE_ACCESS_TOKEN']), settings);
    const tenant = { name: 's', key: 'AZURE_TENANT_ID', optional: true };
    expect(env).toEqual([
      { name: 'AZURE_TENANT_ID', valueFrom: { secretKeyRef: tenant } },
      from('AZURE_ACCESS_TOKEN'),
    ]);
    expect(warnings).toEqual([expect.stringContaining('AZURE_TENANT_ID')]);
  });
});

/** As in test/integration/credential-goldens.json, where KServe copies the values. */
describe('settings of S3 in a Secret are referenced', () => {
  const parts = (data: Record<string, string>, annotations: Record<string, string> = {}) => {
    const values = { AWS_ACCESS_KEY_ID: 'canary', AWS_SECRET_ACCESS_KEY: 'canary', ...data };
    const encoded = Object.entries(values).map(([key, value]) => [key, base64(value)]);
    const facts = factsOfSecret({
      metadata: { name: 's', annotations },
      data: Object.fromEntries(encoded) as Record<string, string>,
    });
    return credentialsFromSecret(facts, settings);
  };
  const url = (value: string) => ({ name: 'AWS_ENDPOINT_URL', value });

  it.each([
    { name: 'https by default', data: {}, env: [from('S3_ENDPOINT'), url('https://$(S3_ENDPOINT)')] },
    {
      name: 'http by the Secret',
      data: { S3_USE_HTTPS: '0' },
      env: [from('S3_USE_HTTPS'), from('S3_ENDPOINT'), url('http://$(S3_ENDPOINT)')],
    },
    {
      name: 'http by an annotation',
      data: {},
      annotations: { 'serving.kserve.io/s3-usehttps': '0' },
      env: [{ name: 'S3_USE_HTTPS', value: '0' }, from('S3_ENDPOINT'), url('http://$(S3_ENDPOINT)')],
    },
    {
      name: 'the scheme of the endpoint takes precedence',
      data: { S3_ENDPOINT: 'HTTP://canary:9000', S3_USE_HTTPS: '1' },
      env: [
        { name: 'S3_USE_HTTPS', value: '0' },
        from('S3_ENDPOINT'),
        from('AWS_ENDPOINT_URL', 'S3_ENDPOINT'),
      ],
    },
    {
      name: 'an annotation takes precedence',
      data: {},
      annotations: { 'serving.kserve.io/s3-endpoint': ' minio:9000 ' },
      env: [{ name: 'S3_ENDPOINT', value: 'minio:9000' }, url('https://minio:9000')],
    },
    {
      name: 'an empty annotation takes precedence',
      data: {},
      annotations: { 'serving.kserve.io/s3-endpoint': '' },
      env: [],
    },
    { name: 'an empty value is ignored', data: { S3_ENDPOINT: '', AWS_DEFAULT_REGION: '' }, env: [] },
  ])('$name', ({ data, annotations, env }) => {
    const { env: all } = parts({ S3_ENDPOINT: 'canary:9000', ...data }, annotations);
    expect(all).toEqual([...s3Env, ...env]);
    expect(JSON.stringify(all)).not.toMatch(/canary/i);
  });

  it('warns about white space around an endpoint without quoting it', () => {
    const { warnings } = parts({ S3_ENDPOINT: 'canary:9000\n' });
    expect(warnings).toEqual([expect.stringContaining('S3_ENDPOINT in Secret s has white space')]);
    expect(JSON.stringify(warnings)).not.toContain('canary');
  });
});

describe('the facts kept of a Secret', () => {
  const whole = {
    metadata: { name: 's', annotations: { a: 'b', 'serving.kserve.io/s3-region': 'r' } },
    data: { password: base64('hidden'), AWS_SECRET_ACCESS_KEY: base64('hidden') },
  };

  it('are its key names and the annotations of S3, but none of its values', () => {
    const facts = factsOfSecret(whole);
    const annotations = { 'serving.kserve.io/s3-region': 'r' };
    expect(facts).toEqual({ name: 's', keys: new Set(Object.keys(whole.data)), annotations });
    expect(JSON.stringify({ ...facts, keys: [...facts.keys] })).not.toMatch(/hidden|aGlkZGVu/);
  });

  it('are little, however many keys and however long annotations it has', () => {
    const odd = [
      '__proto__',
      'constructor',
      'toString',
      ...Array.from({ length: 100_000 }, (_, at) => `k${at}`),
    ];
    const data = JSON.parse(`{${odd.map((key) => `"${key}":""`).join(',')}}`) as Record<string, string>;
    const annotations = {
      'serving.kserve.io/s3-region': 'x'.repeat(200_000),
      'serving.kserve.io/s3-of-mine': 'x',
    };
    const facts = factsOfSecret({ metadata: { name: 's', annotations }, data });
    expect([...facts.keys]).toEqual(odd.slice(0, 1000));
    expect(facts.annotations).toEqual({});
    expect(credentialsFromSecret(facts, settings)).toEqual({ env: [], volumes: [], volumeMounts: [] });
  });

  it.each([
    { name: 'plain', host: 'models.example', kept: 'models.example' },
    { name: 'with a trailing line break', host: 'models.example\n', kept: 'models.example' },
    { name: 'with a port', host: 'models.example:8443', kept: 'models.example:8443' },
  ])('include an https host, but none of its headers: $name', ({ host, kept }) => {
    const data = { 'https-host': base64(host), headers: base64('{"Authorization":"hidden"}') };
    const { https: found, ...facts } = factsOfSecret({ metadata: { name: 's' }, data });
    expect(found).toEqual({ host: kept });
    expect(JSON.stringify(facts)).not.toContain('hidden');
  });

  it.each([
    'https://models.example',
    'mödels.example',
    'Bearer hidden',
    '{"a":"b"}',
    'a=b',
    '',
    'x'.repeat(300),
  ])('include no invalid https host: %s', (host) => {
    const data = { 'https-host': base64(host), headers: base64('h') };
    expect(factsOfSecret({ metadata: { name: 's' }, data })).not.toHaveProperty('https');
  });

  it.each([{ data: {} }, { data: { 'https-host': base64('h') } }, { data: { headers: base64('h') } }, {}])(
    'include no https without both keys: %j',
    (change) => {
      expect(factsOfSecret({ metadata: { name: 's' }, ...change })).not.toHaveProperty('https');
    },
  );
});
