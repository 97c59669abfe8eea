import { describe, expect, it } from '@jest/globals';
import { X509Certificate } from 'node:crypto';
import { DEFAULT_CERTIFICATE_POLICY } from '../../../src/certificates/certificate.decide.ts';
import { certificateMaker, makeIssue } from '../../../src/certificates/make-certificate.ts';
import type { ApiClient } from '../../../src/kube/api-client.ts';
import { systemClock } from '../../../src/lib/system-clock.ts';
import { firstCertificate } from '../../../src/manager/first-certificate.ts';

const names = ['localhost'];
const base64 = (text: string) => Buffer.from(text).toString('base64');
const issue = async () =>
  (await makeIssue(certificateMaker(systemClock, DEFAULT_CERTIFICATE_POLICY), names)).issue.leaf;
const served = (get: () => Promise<unknown>) =>
  firstCertificate({
    ...{ client: { get } as unknown as ApiClient, names, clock: systemClock },
    secret: { namespace: 'n', name: 's' },
  });

describe('the first certificate of the webhook', () => {
  it('is the stored one', async () => {
    const { pem, key } = await issue();
    const data = { 'tls.crt': base64(pem), 'tls.key': base64(key) };
    expect(await served(() => Promise.resolve({ data }))).toEqual({ certificate: pem, key });
  });

  it.each([
    ['none is stored', () => Promise.reject(new Error('not found'))],
    ['the Secret is empty', () => Promise.resolve({})],
    ['the stored one is invalid', () => Promise.resolve({ data: { 'tls.crt': 'eA==', 'tls.key': 'eA==' } })],
    [
      'the key does not match',
      async () => ({
        data: { 'tls.crt': base64((await issue()).pem), 'tls.key': base64((await issue()).key) },
      }),
    ],
  ])('is a temporary one when %s', async (_, get) => {
    const { certificate, key } = await served(get);
    const made = new X509Certificate(certificate);
    expect(made.subjectAltName).toBe('DNS:localhost');
    expect(key).toContain('PRIVATE KEY');
  });
});
