import { createPrivateKey, randomBytes, X509Certificate } from 'node:crypto';
import { isIP, SocketAddress } from 'node:net';
import type {
  Certificate,
  CertificateFacts,
  CertificatePolicy,
  CertificateReader,
  Fingerprint,
  Issue,
  Leaf,
} from './certificate.decide.ts';
import type { Clock, EpochMs, Milliseconds } from '../lib/clock.ts';

/** A new authority with its private key. */
export interface NewAuthority {
  readonly authority: Certificate;
  readonly key: string;
}

/** Makes certificates. Each call makes a new key pair: ECDSA on P-256, some milliseconds. */
export interface CertificateMaker {
  authority(): Promise<NewAuthority>;
  /** A server certificate for these DNS names and IP addresses; it never outlives its authority. */
  leaf(by: { authority: Certificate; key: string }, names: readonly string[]): Promise<Leaf>;
}

/** Loaded only when a certificate is made: loading the X.509 library takes a tenth of a manager's start. */
const selfsigned = () => import('./generate-certificate.ts');

/** A {@link CertificateMaker} over selfsigned. */
export function certificateMaker(clock: Pick<Clock, 'now'>, policy: CertificatePolicy): CertificateMaker {
  return {
    authority: async () => {
      const { generate } = await selfsigned();
      const now = clock.now();
      // selfsigned sets no key ids, so with two authorities of one name in a bundle OpenSSL may try only the wrong one.
      const name = `kserve-mms ${new Date(now).toISOString()} ${randomBytes(8).toString('hex')}`;
      const made = await generate([{ name: 'commonName', value: name }], {
        ...common(now, policy, policy.authorityLifetime),
        extensions: [
          { name: 'basicConstraints', cA: true, pathLenConstraint: 0, critical: true },
          { name: 'keyUsage', keyCertSign: true, cRLSign: true, critical: true },
        ],
      });
      return { authority: certificate(made.cert), key: made.private };
    },
    leaf: async ({ authority, key }, names) => {
      const { generate } = await selfsigned();
      const now = clock.now();
      const lifetime = Math.min(policy.leafLifetime, authority.notAfter - now) as Milliseconds;
      const made = await generate([{ name: 'commonName', value: 'kserve-mms-webhook' }], {
        ...common(now, policy, lifetime),
        ca: { cert: authority.pem, key },
        extensions: [
          { name: 'basicConstraints', cA: false, critical: true },
          { name: 'keyUsage', digitalSignature: true, critical: true },
          { name: 'extKeyUsage', serverAuth: true },
          { name: 'subjectAltName', altNames: names.map(altName) },
        ],
      });
      return { ...certificate(made.cert), key: made.private, issuer: authority.fingerprint };
    },
  };
}

/** A new authority with a first certificate under it. */
export async function makeIssue(
  maker: CertificateMaker,
  names: readonly string[],
): Promise<{ authority: Certificate; issue: Issue }> {
  const { authority, key } = await maker.authority();
  const leaf = await maker.leaf({ authority, key }, names);
  return { authority, issue: { leaf, authorityKey: key } };
}

/** A {@link CertificateReader} over node:crypto. */
export const certificateReader: CertificateReader = {
  read: (pem) => parsed(pem, facts),
  isSignedBy: (pem, authorityPem) =>
    parsed(pem, (leaf) => {
      const authority = new X509Certificate(authorityPem);
      return authority.ca && leaf.checkIssued(authority) && leaf.verify(authority.publicKey);
    }) ?? false,
  hasKey: (pem, key) => parsed(pem, (x509) => x509.checkPrivateKey(createPrivateKey(key))) ?? false,
};

/** IP addresses in one form, so that every spelling of `::1` matches. */
export function canonicalName(name: string): string {
  const family = isIP(name);
  if (family === 0) return name.toLowerCase();
  return new SocketAddress({ address: name, family: family === 6 ? 'ipv6' : 'ipv4' }).address;
}

function common(now: EpochMs, policy: CertificatePolicy, lifetime: Milliseconds) {
  return {
    keyType: 'ec' as const,
    curve: 'P-256' as const,
    algorithm: 'sha256',
    notBeforeDate: new Date(now - policy.backdate),
    notAfterDate: new Date(now + lifetime),
  };
}

function altName(name: string): { type: 2; value: string } | { type: 7; ip: string } {
  return isIP(name) === 0 ? { type: 2, value: name } : { type: 7, ip: name };
}

function certificate(pem: string): Certificate {
  const text = `${pem.trim()}\n`;
  return { ...facts(new X509Certificate(text)), pem: text };
}

function facts(x509: X509Certificate): CertificateFacts {
  return {
    fingerprint: x509.fingerprint256 as Fingerprint,
    notBefore: Date.parse(x509.validFrom) as EpochMs,
    notAfter: Date.parse(x509.validTo) as EpochMs,
    names: (x509.subjectAltName ?? '')
      .split(', ')
      .map((entry) => /^(?:DNS|IP Address):(.+)$/.exec(entry)?.[1])
      .filter((name) => name !== undefined)
      .map(canonicalName),
  };
}

/** Undefined when node:crypto throws because the text cannot be parsed. */
function parsed<T>(pem: string, use: (x509: X509Certificate) => T): T | undefined {
  try {
    return use(new X509Certificate(pem));
  } catch {
    return undefined;
  }
}
