import { expect, it } from '@jest/globals';
import { containerEnvironment } from '../../../../src/development/demo/container-environment.ts';

const secret = { metadata: { name: 's' }, data: { S3_ENDPOINT: btoa('minio:9000 $(A)') } };
const from = (name: string, key: string, optional?: boolean) => ({
  name,
  valueFrom: { secretKeyRef: { name: 's', key, ...(optional === undefined ? {} : { optional }) } },
});
const read = () => Promise.resolve(secret);

it('expands references to Secrets and to earlier variables as kubelet does', async () => {
  const variables = [
    { name: 'EARLY', value: '$(S3_ENDPOINT)' },
    from('S3_ENDPOINT', 'S3_ENDPOINT'),
    { name: 'AWS_ENDPOINT_URL', value: 'http://$(S3_ENDPOINT)' },
    { name: 'ESCAPED', value: '$$(S3_ENDPOINT) $(NOT_THERE) $HOME' },
    from('LEFT_OUT', 'none', true),
  ];
  expect(await containerEnvironment(variables, read)).toEqual({
    EARLY: '$(S3_ENDPOINT)',
    S3_ENDPOINT: 'minio:9000 $(A)',
    AWS_ENDPOINT_URL: 'http://minio:9000 $(A)',
    ESCAPED: '$(S3_ENDPOINT) $(NOT_THERE) $HOME',
  });
});

it('a container with a reference to a missing key does not start', async () => {
  await expect(containerEnvironment([from('A', 'none')], read)).rejects.toThrow('no key none in Secret s');
});
