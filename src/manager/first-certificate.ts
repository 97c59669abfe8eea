import { CERTIFICATE_KEYS } from '../certificates/certificate-secret.decide.ts';
import { DEFAULT_CERTIFICATE_POLICY } from '../certificates/certificate.decide.ts';
import { certificateMaker, certificateReader, makeIssue } from '../certificates/make-certificate.ts';
import type { ServingCertificate } from '../certificates/serving-certificate.ts';
import type { ApiClient } from '../kube/api-client.ts';
import { SECRETS } from '../kube/resources.ts';
import { seconds, type Clock } from '../lib/clock.ts';

/** Do not wait longer for the API server, so that an occupied port is reported at once. */
const WITHIN = seconds(1);

interface FirstCertificateOptions {
  readonly client: ApiClient;
  readonly secret: { readonly namespace: string; readonly name: string };
  readonly names: readonly string[];
  readonly clock: Clock;
}

/**
 * The certificate that the webhook serves before it is known which one API servers trust: the stored one, else a
 * temporary one. The replica is not ready until then, so that it gets no calls. The library that makes certificates
 * takes a tenth of the start, and is loaded only when one is made.
 */
export async function firstCertificate(options: FirstCertificateOptions): Promise<ServingCertificate> {
  const stored = await storedCertificate(options).catch(() => undefined);
  if (stored !== undefined) return stored;
  const { issue } = await makeIssue(
    certificateMaker(options.clock, DEFAULT_CERTIFICATE_POLICY),
    options.names,
  );
  return { certificate: issue.leaf.pem, key: issue.leaf.key };
}

async function storedCertificate({
  client,
  secret,
}: FirstCertificateOptions): Promise<ServingCertificate | undefined> {
  const { data } = (await client.get(SECRETS, secret, { timeout: WITHIN })) as {
    readonly data?: Readonly<Record<string, string>>;
  };
  const text = (key: string): string => Buffer.from(data?.[key] ?? '', 'base64').toString('utf8');
  const [certificate, key] = [text(CERTIFICATE_KEYS.leaf), text(CERTIFICATE_KEYS.leafKey)];
  return certificateReader.hasKey(certificate, key) ? { certificate, key } : undefined;
}
