import { DEFAULT_CERTIFICATE_POLICY } from '../certificates/certificate.decide.ts';
import type { Clock, Milliseconds, Random } from '../lib/clock.ts';
import type { Logger } from '../lib/log.ts';
import type { ReadinessCheck } from '../lib/readiness.ts';
import type { ServingCertificate } from '../certificates/serving-certificate.ts';
import type { ApiClient } from '../kube/api-client.ts';
import { startAdmissionServer } from '../admission/admission-server.ts';
import type { AdmissionServer } from '../admission/admission-server.ts';
import { certificateMaker, certificateReader } from '../certificates/make-certificate.ts';
import type { AdmissionHandler } from '../admission/review-endpoint.ts';
import { firstCertificate } from './first-certificate.ts';
import { followClientAuthority, readClientAuthority } from '../certificates/client-authority.ts';
import { certificateController } from '../certificates/certificate-controller.ts';
import type { CertificateController } from '../certificates/certificate-controller.ts';
import { startCertificateLoop } from '../certificates/certificate-loop.ts';
import { externalCertificateController } from '../certificates/external-certificate-controller.ts';
import { certificateSecretStore } from '../certificates/certificate-secret-store.ts';
import type { ManagerMetrics } from './metrics.ts';
import type { ManagerOptions } from './options.ts';
import type { WebhookRegistration } from '../certificates/webhook-registration.ts';

interface WebhookServerOptions {
  readonly host: string;
  readonly port: number;
  readonly handlers: ReadonlyMap<string, AdmissionHandler>;
  readonly drain: Milliseconds;
  /** The names that API servers use for the webhook; the certificate contains them. */
  readonly names: readonly string[];
  readonly client: ApiClient;
  /** Where the certificate is stored. */
  readonly secret: { readonly namespace: string; readonly name: string };
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: ManagerMetrics;
  /** See {@link ManagerOptions}. */
  readonly clientAuthorityFile: string | undefined;
  /** Stops watching that file. */
  readonly signal: AbortSignal;
}

/**
 * Binds at once with the {@link firstCertificate}, so that a port conflict fails fast. The replica is not ready before
 * it serves the certificate that all replicas share.
 * @throws {ClientAuthorityError} when the file cannot be used
 */
export async function startWebhookServer(options: WebhookServerOptions): Promise<AdmissionServer> {
  const { clock, logger, metrics, clientAuthorityFile: file, signal } = options;
  const clientAuthority = file === undefined ? undefined : await readClientAuthority(file);
  const certificate = await firstCertificate(options);
  const server = await startAdmissionServer({
    ...options,
    certificate,
    logger: logger.child({ part: 'webhook' }),
    observe: metrics.admission,
    clientAuthority,
    connectionClosed: metrics.connectionClosed,
  });
  metrics.observeWebhookServer(server);
  if (file !== undefined && clientAuthority !== undefined) {
    const changed = server.setClientAuthority;
    void followClientAuthority({ file, current: clientAuthority, clock, logger, changed }, signal);
  }
  return server;
}

interface CertificateOptions {
  readonly source: ManagerOptions['certificate'];
  readonly client: ApiClient;
  readonly secret: { readonly namespace: string; readonly name: string };
  readonly registration: WebhookRegistration;
  readonly names: readonly string[];
  readonly isLeader: () => boolean;
  readonly serve: (certificate: ServingCertificate) => void;
  readonly metrics: ManagerMetrics;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly signal: AbortSignal;
}

/**
 * Maintains the webhook's certificate until the signal aborts, and its authority in the registration unless another
 * program provides both.
 */
export function keepCertificate(options: CertificateOptions): {
  readonly trigger: () => void;
  readonly readiness: ReadinessCheck;
  readonly finished: Promise<void>;
} {
  const { client, secret, registration, clock, logger, metrics, serve } = options;
  const shared = {
    ...options,
    serve: (certificate: ServingCertificate) => {
      serve(certificate);
      const expires = certificateReader.read(certificate.certificate)?.notAfter;
      if (expires !== undefined) metrics.certificateExpiry(expires / 1000);
    },
    secrets: certificateSecretStore(client, secret),
    publisher: registration,
    reader: certificateReader,
    policy: DEFAULT_CERTIFICATE_POLICY,
    logger: logger.child({ part: 'certificates' }),
  };
  const keeper: CertificateController =
    options.source === 'external'
      ? externalCertificateController(shared)
      : certificateController({ ...shared, maker: certificateMaker(clock, DEFAULT_CERTIFICATE_POLICY) });
  const loop = startCertificateLoop(keeper, { ...options, logger: logger.child({ part: 'certificates' }) });
  return { trigger: loop.trigger, readiness: keeper.readiness, finished: loop.finished };
}
