import { describe, expect, it } from '@jest/globals';
import {
  DEFAULT_CERTIFICATE_POLICY,
  readBundle,
  type Certificate,
} from '../../../src/certificates/certificate.decide.ts';
import { readExternalCertificate } from '../../../src/certificates/external-certificate.decide.ts';
import { systemClock } from '../../../src/lib/system-clock.ts';
import { paperMaker, paperReader } from '../../support/paper-certificates.ts';

const NAME = 'webhook.svc';
const maker = paperMaker(systemClock, DEFAULT_CERTIFICATE_POLICY);
const { authority, key } = await maker.authority();
const { authority: stranger, key: strangersKey } = await maker.authority();
const leaf = await maker.leaf({ authority, key }, [NAME]);
const between = await maker.leaf({ authority: stranger, key: strangersKey }, []);
const last = await maker.leaf({ authority: between, key: between.key }, [NAME]);
const chained = { 'tls.crt': last.pem + between.pem, 'tls.key': last.key };

function read(
  files: Record<string, string> | undefined,
  bundles: readonly (readonly Certificate[])[] = [[authority]],
  names = [NAME],
) {
  const data = Object.entries(files ?? {}).map(([name, text]) => [
    name,
    Buffer.from(text).toString('base64'),
  ]);
  const secret = { metadata: { name: 'a' }, data: Object.fromEntries(data) as Record<string, string> };
  return readExternalCertificate(files === undefined ? undefined : secret, bundles, names, paperReader);
}

describe('a certificate from another provider', () => {
  const good = { 'tls.crt': leaf.pem, 'tls.key': leaf.key };

  it('is served with the authority that API servers trust', () => {
    expect(read(good)).toEqual({ ...leaf, issuer: authority.fingerprint });
  });

  it('is served as the whole chain when the trusted authority has signed its last part', () => {
    expect(read(chained, [[stranger]])).toEqual({
      ...last,
      pem: chained['tls.crt'],
      issuer: stranger.fingerprint,
    });
  });

  it.each([
    ['there is no Secret', undefined, [[authority]], 'not there yet'],
    ['the Secret is empty', {}, [[authority]], 'tls.crt of the Secret has no certificate'],
    [
      'the key does not match',
      { ...good, 'tls.key': 'x' },
      [[authority]],
      'tls.key of the Secret is not the key',
    ],
    ['no caBundle is written yet', good, [[]], 'caBundle'],
    ['another authority is trusted', good, [[stranger]], 'caBundle'],
    [
      'the rest of the chain is unrelated',
      { ...chained, 'tls.crt': last.pem + leaf.pem },
      [[authority]],
      'caBundle',
    ],
    ['one of two webhooks trusts another authority', good, [[authority], [stranger]], 'caBundle'],
  ])('is not served while %s', (_when, files, bundles, fault) => {
    expect(read(files, bundles)).toEqual({ fault: expect.stringContaining(fault) });
  });

  it('is not served when it lacks a name of the webhook', () => {
    expect(read(good, [[authority]], [NAME, 'other.svc'])).toEqual({
      fault: 'the certificate is not made out to other.svc',
    });
  });

  it('is served when the caBundle contains other authorities too', () => {
    const bundle = readBundle(stranger.pem + authority.pem, paperReader);
    expect(read(good, [bundle])).toMatchObject({ issuer: authority.fingerprint });
  });
});
