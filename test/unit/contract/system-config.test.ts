import { describe, expect, it } from '@jest/globals';
import { DEFAULT_SYSTEM_CONFIG, readSystemConfig } from '../../../src/contract/system-config.ts';

const { agent, credentials, metrics } = DEFAULT_SYSTEM_CONFIG;
const json = (value: unknown) => JSON.stringify(value);

it('the defaults are those of KServe', () => {
  expect(agent).toMatchObject({
    memoryRequest: '100Mi',
    memoryLimit: '1Gi',
    cpuRequest: '100m',
    cpuLimit: '1',
  });
  expect(agent.image).toMatch(/^[\w./-]+:[\w.-]+$/);
  expect(credentials).toEqual({
    s3AccessKeyIdName: 'AWS_ACCESS_KEY_ID',
    s3SecretAccessKeyName: 'AWS_SECRET_ACCESS_KEY',
  });
  expect(metrics).toEqual({ enableMetricAggregation: 'false', enablePrometheusScraping: 'false' });
});

describe('given fields override the defaults', () => {
  it.each([
    { name: 'no ConfigMap', data: undefined, config: {} },
    { name: 'an empty ConfigMap', data: {}, config: {} },
    { name: 'only other keys', data: { ingress: '{', router: 'x' }, config: {} },
    { name: 'empty objects', data: { agent: '{}', credentials: '{}', metricsAggregator: '{}' }, config: {} },
    {
      name: 'the image',
      data: { agent: json({ image: 'a:1' }) },
      config: { agent: { ...agent, image: 'a:1' } },
    },
    {
      name: 'white space around the image and a quantity',
      data: { agent: json({ image: ' a:1\n', cpuLimit: ' 2 ' }) },
      config: { agent: { ...agent, image: 'a:1', cpuLimit: '2' } },
    },
    {
      name: 'all fields of the agent',
      data: {
        agent: json({
          image: 'a:1',
          memoryRequest: '1Mi',
          memoryLimit: '2Mi',
          cpuRequest: '10m',
          cpuLimit: '0.5',
        }),
      },
      config: {
        agent: { image: 'a:1', memoryRequest: '1Mi', memoryLimit: '2Mi', cpuRequest: '10m', cpuLimit: '0.5' },
      },
    },
    {
      name: 'ignores empty strings and nulls',
      data: { agent: json({ image: '', memoryLimit: null }), credentials: json({ s3: null }) },
      config: {},
    },
    { name: 'ignores unknown fields', data: { agent: json({ later: [1] }) }, config: {} },
    {
      name: 'the keys of S3',
      data: {
        credentials: json({
          s3: { s3AccessKeyIDName: 'id', s3SecretAccessKeyName: 'secret' },
        }),
      },
      config: { credentials: { s3AccessKeyIdName: 'id', s3SecretAccessKeyName: 'secret' } },
    },
    {
      name: 'the settings of S3, without empty ones',
      data: { credentials: json({ s3: { s3Endpoint: 'minio:9000', s3UseHttps: '0', s3Region: '' } }) },
      config: { credentials: { ...credentials, s3: { s3Endpoint: 'minio:9000', s3UseHttps: '0' } } },
    },
    {
      name: 'the credentials file of Google, and the annotation that names a Secret',
      data: {
        credentials: json({
          gcs: { gcsCredentialFileName: 'key.json' },
          storageSecretNameAnnotation: 'a/secret',
          storageSpecSecretName: 'for-others',
        }),
      },
      config: {
        credentials: {
          ...credentials,
          gcsCredentialFileName: 'key.json',
          storageSecretNameAnnotation: 'a/secret',
        },
      },
    },
    {
      name: 'no annotation to name a Secret',
      data: { credentials: json({ storageSecretNameAnnotation: '', gcs: { gcsCredentialFileName: '' } }) },
      config: { credentials: { ...credentials, storageSecretNameAnnotation: '' } },
    },
    {
      name: 'one key of S3',
      data: { credentials: json({ s3: { s3AccessKeyIDName: 'id' } }) },
      config: { credentials: { ...credentials, s3AccessKeyIdName: 'id' } },
    },
    {
      name: 'the logger, without an image and resources',
      data: {
        logger: json({
          image: 'kserve/agent:x',
          cpuLimit: 'much',
          defaultUrl: 'http://default-broker',
          caBundle: 'cas',
          caCertFile: 'ca.crt',
          tlsSkipVerify: true,
          storage: { path: 'logs', parameters: { format: 'csv' }, serviceAccountName: 'sa', key: 'k' },
          marshallerUrl: 'http://localhost:1/',
          batchSize: 3,
          batchInterval: '5s',
        }),
      },
      config: {
        logger: {
          ...{
            defaultUrl: 'http://default-broker',
            caBundle: 'cas',
            caCertFile: 'ca.crt',
            tlsSkipVerify: true,
          },
          ...{ marshallerUrl: 'http://localhost:1/', batchSize: 3, batchInterval: '5s' },
          store: { path: 'logs', format: 'csv', serviceAccountName: 'sa' },
        },
      },
    },
    {
      name: 'metrics',
      data: {
        metricsAggregator: json({ enableMetricAggregation: 'true', enablePrometheusScraping: 'true' }),
      },
      config: { metrics: { enableMetricAggregation: 'true', enablePrometheusScraping: 'true' } },
    },
    {
      name: '__proto__ and constructor',
      data: { agent: '{"__proto__":{"image":"evil:1"},"constructor":{"image":"x"}}' },
      config: {},
    },
  ])('$name', ({ data, config }) => {
    const before = json(data);
    expect(readSystemConfig(data, undefined)).toEqual({
      config: { ...DEFAULT_SYSTEM_CONFIG, ...config },
      faults: [],
    });
    expect(json(data)).toBe(before);
  });

  it.each([{ data: undefined }, { data: { agent: json({ image: 'a:1' }) } }])(
    'the image of the operator overrides $data',
    ({ data }) => {
      expect(readSystemConfig(data, 'mine:2').config.agent.image).toBe('mine:2');
    },
  );
});

describe('a value that cannot be read is reported and keeps its default', () => {
  it.each([
    { name: 'no JSON', data: { agent: '{' }, key: 'agent', reported: 'is not JSON' },
    { name: 'empty text', data: { agent: '' }, key: 'agent', reported: 'is not JSON' },
    { name: 'an array', data: { agent: '[]' }, key: 'agent', reported: 'is not a JSON object' },
    { name: 'null', data: { credentials: 'null' }, key: 'credentials', reported: 'is not a JSON object' },
    {
      name: 'a string for S3',
      data: { credentials: json({ s3: 'x' }) },
      key: 'credentials.s3',
      reported: 'is not a JSON object',
    },
    {
      name: 'a key name that is a number',
      data: { credentials: json({ s3: { s3AccessKeyIDName: 1 } }) },
      key: 'credentials.s3.s3AccessKeyIDName',
      reported: 'is not a string',
    },
    {
      name: 'an endpoint that is a number',
      data: { credentials: json({ s3: { s3Endpoint: 9000 } }) },
      key: 'credentials.s3.s3Endpoint',
      reported: 'is not a string',
    },
    {
      name: 'a string for Google',
      data: { credentials: json({ gcs: 'key.json' }) },
      key: 'credentials.gcs',
      reported: 'is not a JSON object',
    },
    {
      name: 'an image that is an object',
      data: { agent: json({ image: {} }) },
      key: 'agent.image',
      reported: 'is not a string',
    },
    ...['a b:1', 'A:1', 'https://registry.example/a:1', ' '].map((image) => ({
      name: `an image ${JSON.stringify(image)}`,
      data: { agent: json({ image }) },
      key: 'agent.image',
      reported: 'is not an image reference',
    })),
    {
      name: 'a limit that is a number',
      data: { agent: json({ cpuLimit: 2 }) },
      key: 'agent.cpuLimit',
      reported: 'is not a string',
    },
    {
      name: 'a boolean',
      data: { metricsAggregator: json({ enableMetricAggregation: true }) },
      key: 'metricsAggregator.enableMetricAggregation',
      reported: 'is not a string',
    },
    {
      name: 'not a quantity',
      data: { agent: json({ memoryLimit: '1GB' }) },
      key: 'agent.memoryLimit',
      reported: '1GB is not a quantity',
    },
    {
      name: 'a negative quantity',
      data: { agent: json({ cpuRequest: '-1' }) },
      key: 'agent.cpuRequest',
      reported: '-1 is not a quantity of zero',
    },
  ])('$name', ({ data, key, reported }) => {
    const { config, faults } = readSystemConfig(data, undefined);
    expect(config).toEqual(DEFAULT_SYSTEM_CONFIG);
    expect(faults).toEqual([{ key, message: expect.stringContaining(reported) }]);
  });

  it('one invalid field does not affect the others', () => {
    const { config, faults } = readSystemConfig(
      { agent: json({ image: 'a:1', cpuLimit: 'x', memoryLimit: '2Gi' }), credentials: '{' },
      undefined,
    );
    expect(config.agent).toEqual({ ...agent, image: 'a:1', memoryLimit: '2Gi' });
    expect(faults.map(({ key }) => key).sort()).toEqual(['agent.cpuLimit', 'credentials']);
  });

  it.each([
    {
      name: 'a limit below the default request',
      given: { memoryLimit: '64Mi' },
      got: { memoryRequest: '64Mi', memoryLimit: '64Mi' },
      key: 'agent.memoryRequest',
    },
    {
      name: 'a request above the default limit',
      given: { cpuRequest: '2' },
      got: { cpuRequest: '1', cpuLimit: '1' },
      key: 'agent.cpuRequest',
    },
    {
      name: 'a request above its limit',
      given: { cpuRequest: '500m', cpuLimit: '0.25' },
      got: { cpuRequest: '0.25', cpuLimit: '0.25' },
      key: 'agent.cpuRequest',
    },
  ])(
    'lowers a request to its limit, because Kubernetes would reject the pod: $name',
    ({ given, got, key }) => {
      const { config, faults } = readSystemConfig({ agent: json(given) }, undefined);
      expect(config.agent).toEqual({ ...agent, ...got });
      expect(faults).toEqual([{ key, message: expect.stringContaining('is more than') }]);
    },
  );
});

describe("the tags of KServe's images determine its release, and so the path of the agent's probe", () => {
  const storageInitializer = (image: unknown) => ({ storageInitializer: json({ image }) });
  it.each([
    ['no image', {}, false],
    ['0.17', storageInitializer('kserve/storage-initializer:v0.17.0'), false],
    ['0.18', storageInitializer('kserve/storage-initializer:v0.18.1'), false],
    ['0.19', storageInitializer('kserve/storage-initializer:v0.19.0'), true],
    ['0.20 without the v', storageInitializer('kserve/storage-initializer:0.20.0'), true],
    ['a release candidate', storageInitializer('kserve/storage-initializer:v0.20.0-rc1'), true],
    ['1.0', storageInitializer('kserve/storage-initializer:v1.0.0'), true],
    ['a registry with a port', storageInitializer('mirror.example:5000/kserve/si:v0.17.0'), false],
    ['a digest beside the tag', storageInitializer(`kserve/si:v0.20.0@sha256:${'0'.repeat(64)}`), true],
    ['a digest alone', storageInitializer(`kserve/si@sha256:${'0'.repeat(64)}`), false],
    ['no tag, and a port that looks like a version', storageInitializer('mirror.example:20/si'), false],
    ['a build between releases', storageInitializer('kserve/storage-initializer:latest'), true],
    ['a custom tag', storageInitializer('kserve/storage-initializer:team-a'), false],
    ['not a string', storageInitializer(20), false],
    ['no JSON', { storageInitializer: '{' }, false],
    [
      'the router when there is no storage initializer',
      { router: json({ image: 'kserve/router:v0.20.0' }) },
      true,
    ],
    ['not the agent, which may be ours', { agent: json({ image: 'kserve-mms:0.20.0' }) }, false],
  ])('%s', (_name, data, probeKeepsPath) => {
    const { config, faults } = readSystemConfig(data, undefined);
    expect(config.release).toEqual({ probeKeepsPath });
    expect(faults).toEqual([]);
  });
});
