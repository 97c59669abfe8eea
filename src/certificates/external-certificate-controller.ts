import { afterClockStep, chooseServing, NOTHING_SEEN, observe } from './certificate-trust.decide.ts';
import type { Leaf } from './certificate.decide.ts';
import { milliseconds, seconds, type EpochMs } from '../lib/clock.ts';
import { readExternalCertificate } from './external-certificate.decide.ts';
import { canonicalName } from './make-certificate.ts';
import { followClockSteps } from './certificate-controller.ts';
import type { CertificateController, CertificateControllerOptions } from './certificate-controller.ts';

/** Only reading shows that a caBundle has changed; for the Secret there is a watch too. */
const BUSY_POLL = seconds(1);
const IDLE_POLL = seconds(10);

/**
 * Serves a certificate that another program, such as cert-manager, provides and renews. It writes nothing, not even the
 * caBundle. A certificate that API servers do not trust is not served while a trusted one can be.
 */
export function externalCertificateController(
  options: Pick<
    CertificateControllerOptions,
    'secrets' | 'publisher' | 'reader' | 'policy' | 'serve' | 'clock' | 'logger'
  > & { readonly names: readonly string[] },
): CertificateController {
  const { secrets, publisher, reader, policy, serve, clock, logger } = options;
  const names = options.names.map(canonicalName);
  const sinceLastStep = followClockSteps(clock);
  let seen = NOTHING_SEEN;
  let served: Leaf | undefined;
  let fault: string | undefined;

  const report = (found: string | undefined): void => {
    if (found !== undefined && found !== fault) {
      const meanwhile = served === undefined ? 'none is served' : 'the one before it is served';
      logger.warn(
        { fault: found },
        `the certificate that is provided cannot be used yet; ${meanwhile} meanwhile`,
      );
    }
    fault = found;
  };

  return {
    reconcile: async () => {
      const began = clock.now();
      const { bundles } = await publisher.read();
      const secret = await secrets.read();
      const caBundles = bundles.map(({ caBundle }) => caBundle);
      const before = afterClockStep(seen, sinceLastStep());
      seen = observe(before, { began, ended: clock.now(), caBundles, state: undefined }, policy, reader);
      const leaf = readExternalCertificate(secret, seen.bundles, names, reader);
      report('fault' in leaf ? leaf.fault : undefined);
      if ('fault' in leaf) return (began + BUSY_POLL) as EpochMs;
      const authorities = seen.bundles.flat().filter(({ fingerprint }) => fingerprint === leaf.issuer);
      const state = { authorities: authorities.slice(0, 1), serving: { leaf } };
      const choice = chooseServing({ state, served, seen, now: began, policy });
      if (choice.kind === 'serve') {
        serve({ certificate: leaf.pem, key: leaf.key });
        served = leaf;
        const expires = new Date(leaf.notAfter).toISOString();
        logger.info({ fingerprint: leaf.fingerprint, expires }, 'serving a certificate');
      }
      return (began + (choice.kind === 'wait' ? BUSY_POLL : IDLE_POLL)) as EpochMs;
    },
    readiness: () => {
      if (served === undefined) return fault ?? 'the certificate that is provided has not been read yet';
      if (served.notAfter <= clock.now())
        return `the served certificate has expired; ${fault ?? 'no other is provided'}`;
      seen = afterClockStep(seen, sinceLastStep());
      const unseen = milliseconds(clock.now() - seen.at);
      if (unseen <= policy.overlap / 2) return undefined;
      return `the certificate in the cluster could not be read for ${Math.round(unseen / 1000)} s`;
    },
  };
}
