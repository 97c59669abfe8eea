import { X509Certificate } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import {
  decodeCertificateSecret,
  encodeCertificateSecret,
} from '../../../src/certificates/certificate-secret.decide.ts';
import { created, staged } from '../../../src/certificates/certificate-transitions.decide.ts';
import {
  DEFAULT_CERTIFICATE_POLICY,
  readBundle,
  writeBundle,
} from '../../../src/certificates/certificate.decide.ts';
import type { EpochMs } from '../../../src/lib/clock.ts';
import {
  canonicalName,
  certificateMaker,
  certificateReader as reader,
  makeIssue,
} from '../../../src/certificates/make-certificate.ts';

const NOW = Date.UTC(2030, 5, 1) as EpochMs;
const DAY = 86_400_000;
const names = ['kserve-mms-webhook.kserve-mms-system.svc', '127.0.0.1', '::1'];
const maker = certificateMaker({ now: () => NOW }, DEFAULT_CERTIFICATE_POLICY);
const identity = { namespace: 'kserve-mms-system', name: 'kserve-mms-webhook-certificate' };

describe('generated certificates', () => {
  it('are an authority and a certificate signed by it, with the fields that TLS requires', async () => {
    const { authority, issue } = await makeIssue(maker, names);
    const [ca, leaf] = [new X509Certificate(authority.pem), new X509Certificate(issue.leaf.pem)];
    expect({ ca: ca.ca, self: ca.checkIssued(ca), leaf: leaf.ca }).toEqual({
      ca: true,
      self: true,
      leaf: false,
    });
    expect(leaf.keyUsage).toEqual(['1.3.6.1.5.5.7.3.1']);
    expect(leaf.publicKey.asymmetricKeyDetails).toEqual({ namedCurve: 'prime256v1' });
    expect(leaf.checkHost('kserve-mms-webhook.kserve-mms-system.svc')).toBeDefined();
    expect([leaf.checkIP('127.0.0.1'), leaf.checkIP('::1'), leaf.checkIP('127.0.0.2')]).toEqual([
      '127.0.0.1',
      '::1',
      undefined,
    ]);
    expect(issue.leaf).toMatchObject({
      names,
      notBefore: NOW - 300_000,
      notAfter: NOW + 90 * DAY,
      issuer: authority.fingerprint,
    });
    expect(authority).toMatchObject({ notBefore: NOW - 300_000, notAfter: NOW + 365 * DAY });
  });

  it('never have the same subject for two authorities, because clients look them up by it', async () => {
    const [one, other] = await Promise.all([maker.authority(), maker.authority()]);
    const subjects = [one, other].map(({ authority }) => new X509Certificate(authority.pem).subject);
    expect(new Set(subjects).size).toBe(2);
  });

  it('never outlive their authority', async () => {
    const { authority, key } = await maker.authority();
    const late = certificateMaker({ now: () => (NOW + 360 * DAY) as EpochMs }, DEFAULT_CERTIFICATE_POLICY);
    expect((await late.leaf({ authority, key }, names)).notAfter).toBe(authority.notAfter);
  });

  it('the reader checks which certificates, authorities and keys belong together', async () => {
    const [one, other] = await Promise.all([makeIssue(maker, names), makeIssue(maker, names)]);
    const { pem, key } = one.issue.leaf;
    expect(reader.isSignedBy(pem, one.authority.pem)).toBe(true);
    expect(reader.isSignedBy(pem, other.authority.pem)).toBe(false);
    expect(reader.isSignedBy(pem, pem)).toBe(false);
    expect(reader.hasKey(pem, key)).toBe(true);
    expect(reader.hasKey(pem, other.issue.leaf.key)).toBe(false);
    expect([reader.hasKey(pem, 'x'), reader.isSignedBy('x', pem), reader.read('x')]).toEqual([
      false,
      false,
      undefined,
    ]);
  });

  it.each([
    ['::1', '::1'],
    ['0:0:0:0:0:0:0:1', '::1'],
    ['127.0.0.1', '127.0.0.1'],
    ['Webhook.SVC', 'webhook.svc'],
  ])('writes the name %s as %s', (name, canonical) => expect(canonicalName(name)).toBe(canonical));
});

describe('the Secret', () => {
  it('returns the state that was stored, staged or not, and keeps the fields of others', async () => {
    const state = created(await makeIssue(maker, names), []);
    const next = staged(state, await makeIssue(maker, names));
    const secret = encodeCertificateSecret(state, identity);
    expect(secret).toMatchObject({ type: 'kubernetes.io/tls', metadata: identity });
    expect(decodeCertificateSecret(secret, reader)).toEqual({ kind: 'stored', state });
    const others = {
      ...secret,
      metadata: { ...secret.metadata, resourceVersion: '7', labels: { team: 'a' } },
      data: { ...secret.data, note: 'aGk=' },
    };
    const updated = encodeCertificateSecret(next, identity, others);
    expect(updated.metadata).toEqual(others.metadata);
    expect(updated.data?.note).toBe('aGk=');
    expect(decodeCertificateSecret(updated, reader)).toEqual({ kind: 'stored', state: next });
    expect(decodeCertificateSecret(encodeCertificateSecret(state, identity, updated), reader)).toEqual({
      kind: 'stored',
      state,
    });
  });

  it.each<[string, Record<string, string | undefined>, string]>([
    ['no authority', { 'ca.crt': undefined }, 'ca.crt has no certificate'],
    ['no certificate', { 'tls.crt': '' }, 'tls.crt has no certificate'],
    ['invalid base64', { 'tls.crt': '%%%' }, 'tls.crt has no certificate'],
    ['no key', { 'tls.key': undefined }, 'tls.crt does not match its key'],
    ['another authority', { 'ca.crt': 'tls.crt' }, 'tls.crt is not signed by any authority in ca.crt'],
  ])('with %s counts as missing', async (_name, change, reason) => {
    const secret = encodeCertificateSecret(created(await makeIssue(maker, names), []), identity);
    const data = { ...secret.data };
    for (const [key, value] of Object.entries(change)) data[key] = data[value ?? ''] ?? value ?? '';
    expect(decodeCertificateSecret({ ...secret, data }, reader)).toEqual({ kind: 'missing', reason });
  });

  it('counts as missing when it is absent or empty, and ignores invalid next certificates and authority keys', async () => {
    expect(decodeCertificateSecret(undefined, reader)).toMatchObject({ kind: 'missing' });
    expect(decodeCertificateSecret({ metadata: identity }, reader)).toMatchObject({ kind: 'missing' });
    const state = created(await makeIssue(maker, names), []);
    const secret = encodeCertificateSecret(state, identity);
    const data = { ...secret.data, 'ca.key': 'eA==', 'next-tls.crt': 'eA==' };
    expect(decodeCertificateSecret({ ...secret, data }, reader)).toEqual({
      kind: 'stored',
      state: { authorities: state.authorities, serving: { leaf: state.serving.leaf } },
    });
  });

  it('reads each authority of a bundle once, whatever is between them', async () => {
    const [one, other] = await Promise.all([makeIssue(maker, names), makeIssue(maker, names)]);
    const bundle = `# mine\n${one.authority.pem}\r\n${other.authority.pem}${one.authority.pem}-----BEGIN CERTIFICATE-----\nx\n`;
    expect(readBundle(bundle, reader)).toEqual([one.authority, other.authority]);
    expect(readBundle(writeBundle([other.authority]), reader)).toEqual([other.authority]);
  });
});
