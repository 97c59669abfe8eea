import {
  readBundle,
  writeBundle,
  type Certificate,
  type CertificateReader,
  type CertificateState,
  type Issue,
} from './certificate.decide.ts';
import type { StoredCertificates } from './certificate-rotation.decide.ts';
import type { KubernetesObject } from '../contract/kubernetes.ts';
import { PART_OF } from '../contract/names.ts';

/** A Secret of type kubernetes.io/tls, the values in base64. */
export interface CertificateSecret extends KubernetesObject {
  readonly type?: string;
  readonly data?: Readonly<Record<string, string>>;
}

/**
 * The Secret's keys. The first three are cert-manager's and kubectl's, which every tool understands. `ca.crt` has all
 * authorities to be trusted, oldest first; the `next-` ones are there during a change of authority.
 */
export const CERTIFICATE_KEYS = {
  leaf: 'tls.crt',
  leafKey: 'tls.key',
  authorities: 'ca.crt',
  authorityKey: 'ca.key',
  nextLeaf: 'next-tls.crt',
  nextLeafKey: 'next-tls.key',
  nextAuthorityKey: 'next-ca.key',
} as const;

/** The Secret to write. Other fields of a `previous` Secret stay. */
export function encodeCertificateSecret(
  state: CertificateState,
  identity: { readonly namespace: string; readonly name: string },
  previous?: CertificateSecret,
): CertificateSecret {
  const { metadata } = previous ?? {
    metadata: { ...identity, labels: { 'app.kubernetes.io/part-of': PART_OF } },
  };
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    type: previous?.type ?? 'kubernetes.io/tls',
    metadata,
    data: { ...foreignData(previous), ...encodeData(state) },
  };
}

function encodeData({ authorities, serving, next }: CertificateState): Record<string, string> {
  const texts: [string, string | undefined][] = [
    [CERTIFICATE_KEYS.leaf, serving.leaf.pem],
    [CERTIFICATE_KEYS.leafKey, serving.leaf.key],
    [CERTIFICATE_KEYS.authorities, writeBundle(authorities)],
    [CERTIFICATE_KEYS.authorityKey, serving.authorityKey],
    [CERTIFICATE_KEYS.nextLeaf, next?.leaf.pem],
    [CERTIFICATE_KEYS.nextLeafKey, next?.leaf.key],
    [CERTIFICATE_KEYS.nextAuthorityKey, next?.authorityKey],
  ];
  return Object.fromEntries(
    texts
      .filter((entry): entry is [string, string] => entry[1] !== undefined)
      .map(([key, text]) => [key, Buffer.from(text).toString('base64')]),
  );
}

function foreignData(previous: CertificateSecret | undefined): Record<string, string> {
  const ours = new Set<string>(Object.values(CERTIFICATE_KEYS));
  return Object.fromEntries(Object.entries(previous?.data ?? {}).filter(([key]) => !ours.has(key)));
}

/** Reads the Secret. Unusable contents count as missing, with the reason. Never throws. */
export function decodeCertificateSecret(
  secret: CertificateSecret | undefined,
  reader: CertificateReader,
): StoredCertificates {
  if (secret === undefined) return missing('there is no Secret');
  const data = new Map(Object.entries(secret.data ?? {}));
  const text = (key: string): string => Buffer.from(data.get(key) ?? '', 'base64').toString('utf8');
  const authorities = readBundle(text(CERTIFICATE_KEYS.authorities), reader);
  if (authorities.length === 0) return missing(`${CERTIFICATE_KEYS.authorities} has no certificate`);
  const parts = (leaf: string, key: string, authorityKey: string): IssueParts => ({
    pem: text(leaf),
    key: text(key),
    authorityKey: text(authorityKey),
  });
  const { leaf, leafKey, authorityKey, nextLeaf, nextLeafKey, nextAuthorityKey } = CERTIFICATE_KEYS;
  const serving = readIssue(parts(leaf, leafKey, authorityKey), authorities, reader);
  if (typeof serving === 'string') return missing(`${leaf} ${serving}`);
  const next = readIssue(parts(nextLeaf, nextLeafKey, nextAuthorityKey), authorities, reader);
  return {
    kind: 'stored',
    state: { authorities, serving, ...(typeof next !== 'string' && { next }) },
  };
}

interface IssueParts {
  readonly pem: string;
  readonly key: string;
  readonly authorityKey: string;
}

/** Returns a string with the fault, if there is one. */
function readIssue(
  { pem, key, authorityKey }: IssueParts,
  authorities: readonly Certificate[],
  reader: CertificateReader,
): Issue | string {
  const [certificate] = readBundle(pem, reader);
  if (certificate === undefined) return 'has no certificate';
  if (!reader.hasKey(certificate.pem, key)) return 'does not match its key';
  const issuer = authorities.findLast((authority) => reader.isSignedBy(certificate.pem, authority.pem));
  if (issuer === undefined) return `is not signed by any authority in ${CERTIFICATE_KEYS.authorities}`;
  const leaf = { ...certificate, key, issuer: issuer.fingerprint };
  return { leaf, ...(reader.hasKey(issuer.pem, authorityKey) && { authorityKey }) };
}

function missing(reason: string): StoredCertificates {
  return { kind: 'missing', reason };
}
