import { CERTIFICATE_KEYS } from '../certificates/certificate-secret.decide.ts';
import { DEFAULT_CERTIFICATE_POLICY } from '../certificates/certificate.decide.ts';
import { certificateMaker, certificateReader, makeIssue } from '../certificates/make-certificate.ts';
import type { ServingCertificate } from '../certificates/serving-certificate.ts';
import type { ApiClient } from '../kube/api-client.ts';
import { SECRETS } from '../kube/resources.ts';
import { seconds, type Clock } from '../lib/clock.ts';

/** An API server that takes longer is not waited for: a port that is taken should be told of at once. */
const WITHIN = seconds(1);

interface FirstCertificateOptions {
  readonly client: ApiClient;
  readonly secret: { readonly namespace: string; readonly name: string };
  readonly names: readonly string[];
  readonly clock: Clock;
}

/**
 * What the webhook serves until it is known which certificate API servers trust: the one that is stored, else a temporary one.
 * The replica is not ready before that is known, so that nobody calls it; the library that makes certificates takes a tenth
 * of the start, and is loaded only where there is something to make.
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
