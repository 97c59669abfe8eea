import { CERTIFICATE_KEYS, type CertificateSecret } from './certificate-secret.decide.ts';
import {
  readBundle,
  writeBundle,
  type Certificate,
  type CertificateReader,
  type Leaf,
} from './certificate.decide.ts';

/**
 * A certificate that another program, such as cert-manager, provides, or its fault. Its `pem` is the whole chain from
 * `tls.crt`; its issuer is the authority at the end of the chain that is in every caBundle.
 * @param bundles the authorities in the caBundle of each webhook configuration
 * @param names that API servers use for the webhook, in canonical form
 */
export function readExternalCertificate(
  secret: CertificateSecret | undefined,
  bundles: readonly (readonly Certificate[])[],
  names: readonly string[],
  reader: CertificateReader,
): Leaf | { readonly fault: string } {
  if (secret === undefined) return { fault: 'the Secret with the certificate is not there yet' };
  const { leaf, leafKey } = CERTIFICATE_KEYS;
  const chain = readBundle(text(secret, leaf), reader);
  const [certificate] = chain;
  if (certificate === undefined) return { fault: `${leaf} of the Secret has no certificate` };
  const key = text(secret, leafKey);
  if (!reader.hasKey(certificate.pem, key))
    return { fault: `${leafKey} of the Secret is not the key of ${leaf}` };
  const missing = names.filter((name) => !certificate.names.includes(name));
  if (missing.length > 0) return { fault: `the certificate is not made out to ${missing.join(', ')}` };
  const path = signedInTurn(certificate, chain.slice(1), reader);
  const issuer = trustedEverywhere(bundles).find((authority) =>
    path.some(
      ({ pem, fingerprint }) =>
        fingerprint === authority.fingerprint || reader.isSignedBy(pem, authority.pem),
    ),
  );
  if (issuer === undefined) {
    return {
      fault: 'the caBundle of the webhook configurations lacks the authority that signed the certificate',
    };
  }
  return { ...certificate, pem: writeBundle(chain), key, issuer: issuer.fingerprint };
}

/** The certificate, and those after it of which each signed the one before. */
function signedInTurn(
  certificate: Certificate,
  following: readonly Certificate[],
  reader: CertificateReader,
): Certificate[] {
  const path = [certificate];
  let last = certificate;
  for (const next of following) {
    if (!reader.isSignedBy(last.pem, next.pem)) break;
    path.push(next);
    last = next;
  }
  return path;
}

function trustedEverywhere([first = [], ...others]: readonly (readonly Certificate[])[]): Certificate[] {
  return first.filter(({ fingerprint }) =>
    others.every((bundle) => bundle.some((authority) => authority.fingerprint === fingerprint)),
  );
}

function text(secret: CertificateSecret, key: string): string {
  return Buffer.from(new Map(Object.entries(secret.data ?? {})).get(key) ?? '', 'base64').toString('utf8');
}
