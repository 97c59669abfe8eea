import type { EpochMs, Milliseconds } from '../lib/clock.ts';

/** SHA-256 of a certificate, its identity here. */
export type Fingerprint = string & { readonly __brand: 'Fingerprint' };

/** The facts of an X.509 certificate that decisions need. */
export interface CertificateFacts {
  readonly fingerprint: Fingerprint;
  readonly notBefore: EpochMs;
  readonly notAfter: EpochMs;
  /** DNS names and IP addresses that it is valid for. */
  readonly names: readonly string[];
}

/** A certificate in PEM, with its facts. */
export interface Certificate extends CertificateFacts {
  readonly pem: string;
}

/** A server certificate with its private key. */
export interface Leaf extends Certificate {
  readonly key: string;
  /** The authority that signed it. */
  readonly issuer: Fingerprint;
}

/** A server certificate and the authority to trust for it. */
export interface Issue {
  readonly leaf: Leaf;
  /** Absent when it was lost: then the leaf is still served, but cannot be renewed under this authority. */
  readonly authorityKey?: string;
}

/** The state that replicas share, and that may be published as caBundle. */
export interface CertificateState {
  /** Every authority that must be trusted, oldest first. */
  readonly authorities: readonly Certificate[];
  /** What the replicas serve. */
  readonly serving: Issue;
  /** What they serve next, once its authority has been published long enough. */
  readonly next?: Issue;
}

/** Reads certificates; implemented with node:crypto outside of this file. All of it is pure. */
export interface CertificateReader {
  /** Undefined when the text is not exactly one certificate. */
  read(pem: string): CertificateFacts | undefined;
  /** True when the authority's key signed the certificate, regardless of time. */
  isSignedBy(pem: string, authorityPem: string): boolean;
  /** True when the private key belongs to the certificate. */
  hasKey(pem: string, key: string): boolean;
}

export interface CertificatePolicy {
  readonly authorityLifetime: Milliseconds;
  readonly leafLifetime: Milliseconds;
  /** How far back validity starts, for clocks that are behind. */
  readonly backdate: Milliseconds;
  /** The part of a lifetime after which the successor is made. */
  readonly renewAt: number;
  /** How long an authority must be published before a certificate under it is served. */
  readonly grace: Milliseconds;
  /**
   * How long an authority stays trusted after its last use. A replica that could not read the shared Secret for half of
   * this is not ready, since it may serve an untrusted certificate.
   */
  readonly overlap: Milliseconds;
}

const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;

export const DEFAULT_CERTIFICATE_POLICY: CertificatePolicy = {
  authorityLifetime: (365 * DAY) as Milliseconds,
  leafLifetime: (90 * DAY) as Milliseconds,
  backdate: (5 * MINUTE) as Milliseconds,
  renewAt: 2 / 3,
  // An API server watches its webhook configurations: well under a second.
  grace: 5000 as Milliseconds,
  overlap: (60 * MINUTE) as Milliseconds,
};

const PEM_BLOCK = /-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----/g;

/** The certificates of a PEM bundle; any other text in it is ignored, and duplicates are read once. */
export function readBundle(bundle: string, reader: CertificateReader): Certificate[] {
  const found = new Map<Fingerprint, Certificate>();
  for (const [block] of bundle.matchAll(PEM_BLOCK)) {
    const pem = `${block}\n`;
    const facts = reader.read(pem);
    if (facts !== undefined && !found.has(facts.fingerprint)) found.set(facts.fingerprint, { ...facts, pem });
  }
  return [...found.values()];
}

/** The inverse of {@link readBundle}. */
export function writeBundle(certificates: readonly Certificate[]): string {
  return certificates.map(({ pem }) => pem).join('');
}
