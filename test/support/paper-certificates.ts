import type {
  Certificate,
  CertificatePolicy,
  CertificateReader,
  Fingerprint,
  Leaf,
} from '../../src/certificates/certificate.decide.ts';
import type { Clock, EpochMs } from '../../src/lib/clock.ts';
import type { CertificateMaker } from '../../src/certificates/make-certificate.ts';

/**
 * Certificates without cryptography, for simulations with thousands of them: a PEM block with JSON, signed with the
 * signer's name. Other tests use real certificates.
 */
interface Paper {
  readonly id: string;
  readonly signer: string;
  readonly notBefore: number;
  readonly notAfter: number;
  readonly names: readonly string[];
}

function toPem(paper: Paper): string {
  const base64 = Buffer.from(JSON.stringify(paper)).toString('base64');
  return `-----BEGIN CERTIFICATE-----\n${base64}\n-----END CERTIFICATE-----\n`;
}

function fromPem(pem: string): Paper | undefined {
  const base64 = /-----BEGIN CERTIFICATE-----\n(.*)\n-----END CERTIFICATE-----\n/.exec(pem)?.[1];
  try {
    return JSON.parse(Buffer.from(base64 ?? '', 'base64').toString()) as Paper;
  } catch {
    return undefined;
  }
}

function certificate(paper: Paper): Certificate {
  const { id, notBefore, notAfter, names } = paper;
  const times = { notBefore: notBefore as EpochMs, notAfter: notAfter as EpochMs };
  return { fingerprint: id as Fingerprint, ...times, names, pem: toPem(paper) };
}

export const paperReader: CertificateReader = {
  read: (pem) => {
    const paper = fromPem(pem);
    return paper && certificate(paper);
  },
  isSignedBy: (pem, authorityPem) => fromPem(pem)?.signer === fromPem(authorityPem)?.id,
  hasKey: (pem, key) => key === `key of ${fromPem(pem)?.id ?? 'nothing'}`,
};

export function paperMaker(clock: Pick<Clock, 'now'>, policy: CertificatePolicy): CertificateMaker {
  let made = 0;
  const validity = (lifetime: number): { notBefore: number; notAfter: number } => ({
    notBefore: clock.now() - policy.backdate,
    notAfter: clock.now() + lifetime,
  });
  return {
    authority: () => {
      const id = `authority-${++made}`;
      const authority = certificate({ id, signer: id, names: [], ...validity(policy.authorityLifetime) });
      return Promise.resolve({ authority, key: `key of ${id}` });
    },
    leaf: ({ authority, key }, names) => {
      if (key !== `key of ${authority.fingerprint}`) throw new Error('signed with the wrong key');
      const id = `leaf-${++made}`;
      const lifetime = Math.min(policy.leafLifetime, authority.notAfter - clock.now());
      const paper = { id, signer: authority.fingerprint, names, ...validity(lifetime) };
      const leaf: Leaf = { ...certificate(paper), key: `key of ${id}`, issuer: authority.fingerprint };
      return Promise.resolve(leaf);
    },
  };
}

/** The fingerprint of the CA that signed the certificate. */
export function signerOf(pem: string): Fingerprint {
  return (fromPem(pem)?.signer ?? 'nobody') as Fingerprint;
}
