import { describe, expect, it } from '@jest/globals';
import { readS3Environment } from '../../../../src/agent/sources/s3-config.ts';

/** Source: KServe v0.17, pkg/agent/storage/utils.go. docs/credential-places.md lists the differences. */
describe('the S3 variables', () => {
  const store = { AWS_ENDPOINT_URL: 'http://minio:9000' };
  it.each<[string, Record<string, string>, object]>([
    ['nothing', {}, { endpoint: undefined, region: 'us-east-1', pathStyle: false, accelerate: false }],
    ['the URL of a store', store, { endpoint: 'http://minio:9000', pathStyle: true }],
    [
      'a reference that kubelet could not expand, beside its variable',
      { AWS_ENDPOINT_URL: 'http://$(S3_ENDPOINT)', S3_ENDPOINT: 'minio:9000', S3_USE_HTTPS: '0' },
      { endpoint: 'http://minio:9000' },
    ],
    ['only S3_ENDPOINT', { S3_ENDPOINT: 'minio', S3_USE_HTTPS: '0' }, { endpoint: 'http://minio' }],
    [
      'a trailing line break in each',
      { AWS_ENDPOINT_URL: 'http://minio:9000\n', AWS_DEFAULT_REGION: 'eu\n', S3_VERIFY_SSL: '0\n' },
      { endpoint: 'http://minio:9000', region: 'eu', verifyTls: false },
    ],
    [
      "the store's region before the cluster's",
      { AWS_DEFAULT_REGION: 'a', AWS_REGION: 'b' },
      { region: 'a' },
    ],
    [
      "the cluster's region if the store has none",
      { AWS_DEFAULT_REGION: '', AWS_REGION: 'b' },
      { region: 'b' },
    ],
    ['a bucket in the host', { ...store, S3_USER_VIRTUAL_BUCKET: 'True' }, { pathStyle: false }],
    ['a bucket in the path, also at AWS', { S3_USER_VIRTUAL_BUCKET: 'False' }, { pathStyle: true }],
    ['acceleration', { S3_USE_ACCELERATE: 'true' }, { accelerate: true, pathStyle: false }],
    [
      "acceleration with AWS's own endpoint, for any bucket style",
      {
        AWS_ENDPOINT_URL: 'https://s3.eu-west-1.amazonaws.com',
        S3_USE_ACCELERATE: 'true',
        S3_USER_VIRTUAL_BUCKET: 'false',
      },
      { accelerate: true, endpoint: undefined, pathStyle: false },
    ],
    [
      'acceleration of a store without it',
      { ...store, S3_USE_ACCELERATE: 'true' },
      { accelerate: false, endpoint: 'http://minio:9000', pathStyle: true },
    ],
    [
      'a store with a similar name',
      { AWS_ENDPOINT_URL: 'https://notamazonaws.com', S3_USE_ACCELERATE: 'true' },
      { accelerate: false, endpoint: 'https://notamazonaws.com' },
    ],
    ['no acceleration', { S3_USE_ACCELERATE: 'false' }, { accelerate: false }],
    ['anonymous requests', { awsAnonymousCredential: 'True' }, { credentials: { kind: 'anonymous' } }],
    ['signed requests', { awsAnonymousCredential: 'false' }, { credentials: { kind: 'chain' } }],
  ])('%s', async (_, env, expected) => {
    expect(await readS3Environment(env)).toMatchObject(expected);
  });

  it.each(['$(S3_ENDPOINT)', 'http://$(S3_ENDPOINT)', 'https://'])(
    'rejects an invalid endpoint: %s',
    async (url) => {
      await expect(readS3Environment({ AWS_ENDPOINT_URL: url })).rejects.toThrow('not a URL');
    },
  );
});
