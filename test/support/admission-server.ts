import { DEFAULT_CERTIFICATE_POLICY } from '../../src/certificates/certificate.decide.ts';
import { milliseconds } from '../../src/lib/clock.ts';
import {
  startAdmissionServer,
  type AdmissionServer,
  type AdmissionServerOptions,
} from '../../src/admission/admission-server.ts';
import { certificateMaker, makeIssue } from '../../src/certificates/make-certificate.ts';
import { quietLogger } from './quiet-logger.ts';
import { systemClock } from '../../src/lib/system-clock.ts';

export const maker = certificateMaker(systemClock, DEFAULT_CERTIFICATE_POLICY);

/** A certificate for 127.0.0.1, and the PEM of its CA. */
export async function loopbackIssue(): Promise<{
  ca: string;
  certificate: { certificate: string; key: string };
}> {
  const { authority, issue } = await makeIssue(maker, ['127.0.0.1']);
  return { ca: authority.pem, certificate: { certificate: issue.leaf.pem, key: issue.leaf.key } };
}

/** The real server on a free port of 127.0.0.1. */
export async function startLoopbackServer(
  options: Pick<AdmissionServerOptions, 'handlers'> & Partial<AdmissionServerOptions>,
): Promise<AdmissionServer & { ca: string }> {
  const { ca, certificate } = await loopbackIssue();
  const server = await startAdmissionServer({
    host: '127.0.0.1',
    port: 0,
    certificate,
    logger: quietLogger,
    observe: () => undefined,
    clock: systemClock,
    drain: milliseconds(0),
    ...options,
  });
  return { ...server, ca };
}
