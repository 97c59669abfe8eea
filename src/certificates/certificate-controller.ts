import { encodeCertificateSecret, decodeCertificateSecret } from './certificate-secret.decide.ts';
import type { CertificateSecret } from './certificate-secret.decide.ts';
import { decideRotation, type RotationStep } from './certificate-rotation.decide.ts';
import { created, renewed, staged } from './certificate-transitions.decide.ts';
import {
  afterClockStep,
  chooseServing,
  NOTHING_SEEN,
  observe,
  type Observations,
} from './certificate-trust.decide.ts';
import {
  writeBundle,
  type CertificatePolicy,
  type CertificateReader,
  type CertificateState,
  type Leaf,
} from './certificate.decide.ts';
import { milliseconds, seconds, type Clock, type EpochMs, type Milliseconds } from '../lib/clock.ts';
import type { Logger } from '../lib/log.ts';
import type { ReadinessCheck } from '../lib/readiness.ts';
import type { ServingCertificate } from './serving-certificate.ts';
import { canonicalName, makeIssue, type CertificateMaker } from './make-certificate.ts';
import type { CaBundlePublisher, PublishedBundles, SecretStore } from './certificate-stores.ts';

export interface CertificateControllerOptions {
  readonly secrets: SecretStore;
  readonly publisher: CaBundlePublisher;
  /** Where the Secret is created if it does not exist. */
  readonly secret: { readonly namespace: string; readonly name: string };
  readonly maker: CertificateMaker;
  readonly reader: CertificateReader;
  readonly policy: CertificatePolicy;
  /** The DNS names and IP addresses that API servers use for the webhook. */
  readonly names: readonly string[];
  /** Only the leader writes; every replica reads and serves. */
  readonly isLeader: () => boolean;
  /** Called with each certificate to serve from then on. */
  readonly serve: (certificate: ServingCertificate) => void;
  readonly clock: Clock;
  readonly logger: Logger;
}

export interface CertificateController {
  /**
   * Reads the state once and, on the leader, performs one step. Resolves with the time of the next call; rejects when
   * the state could not be read.
   */
  reconcile(): Promise<EpochMs>;
  readonly readiness: ReadinessCheck;
}

/** How soon to check again while a change is in progress. Only reading shows that a caBundle has changed. */
const BUSY_POLL = seconds(1);
const IDLE_POLL = seconds(10);

/**
 * Keeps the webhook's certificate: the same on all replicas, renewed in time, and never served before the API servers
 * trust it. What to do is decided in certificate-rotation.decide.ts and certificate-trust.decide.ts; this file carries
 * it out.
 *
 * Only the leader creates the Secret, on the first start too: a certificate is useless until its authority is
 * published, which only the leader does. The others serve as soon as it is.
 */
export function certificateController(options: CertificateControllerOptions): CertificateController {
  const { secrets, publisher, reader, clock, policy, isLeader } = options;
  const names = options.names.map(canonicalName);
  const memory: Memory = {
    seen: NOTHING_SEEN,
    remembered: undefined,
    served: undefined,
    waitingFor: 'the Secret with the certificate is not there yet, or cannot be read',
  };

  const sinceLastStep = followClockSteps(clock);
  const look = async (): Promise<Look> => {
    const began = clock.now();
    // The caBundles first. Read after the Secret, new bundles could be mistaken for confirmation of an old Secret, and
    // a leader that does not yet know it was replaced would publish without its successor's additions.
    const published = await publisher.read();
    const secret = await secrets.read();
    const stored = decodeCertificateSecret(secret, reader);
    const state = stored.kind === 'stored' ? stored.state : undefined;
    const caBundles = published.bundles.map(({ caBundle }) => caBundle);
    const before = afterClockStep(memory.seen, sinceLastStep());
    memory.seen = observe(before, { began, ended: clock.now(), caBundles, state }, policy, reader);
    memory.remembered = state ?? memory.remembered;
    const { seen, remembered } = memory;
    const step = decideRotation({ stored, seen, remembered, names, now: began, policy });
    return { began, published, secret, state, step };
  };

  return {
    reconcile: async () => {
      const found = await look();
      const waiting = serveWhatIsWanted(options, memory, found);
      const { began, state, step } = found;
      if (step.kind !== 'keep' && isLeader()) {
        await perform(options, found, step);
        return clock.now();
      }
      const busy = waiting || step.kind !== 'keep' || state?.next !== undefined;
      const due = step.kind === 'keep' ? step.nextCheckAt : Infinity;
      return Math.min(due, began + (busy ? BUSY_POLL : IDLE_POLL)) as EpochMs;
    },
    readiness: () => {
      memory.seen = afterClockStep(memory.seen, sinceLastStep());
      return notReady(memory, clock.now(), policy);
    },
  };
}

/**
 * By how much the wall clock was set forward or back since the last call. Certificates expire by the wall clock, but
 * how long something was observed is a monotonic span: correcting a machine's clock does not mean that it was away for
 * the difference.
 */
export function followClockSteps(clock: Clock): () => Milliseconds {
  let last = clock.now() - clock.monotonic();
  return () => {
    const offset = clock.now() - clock.monotonic();
    const step = milliseconds(offset - last);
    last = offset;
    return step;
  };
}

interface Memory {
  seen: Observations;
  /** The last valid state seen; a deleted Secret is created again from it. */
  remembered: CertificateState | undefined;
  served: Leaf | undefined;
  waitingFor: string;
}

interface Look {
  readonly began: EpochMs;
  readonly published: PublishedBundles;
  readonly secret: CertificateSecret | undefined;
  /** Undefined when no usable state is stored. */
  readonly state: CertificateState | undefined;
  readonly step: RotationStep;
}

/** True when another certificate should be served than the current one. */
function serveWhatIsWanted(
  options: CertificateControllerOptions,
  memory: Memory,
  { state, began }: Look,
): boolean {
  if (state === undefined) return false;
  const { seen, served } = memory;
  const choice = chooseServing({ state, served, seen, now: began, policy: options.policy });
  if (choice.kind === 'wait') memory.waitingFor = `the certificate cannot be served yet: ${choice.reason}`;
  if (choice.kind !== 'serve') return choice.kind === 'wait';
  const { leaf } = choice;
  options.serve({ certificate: leaf.pem, key: leaf.key });
  memory.served = leaf;
  const expires = new Date(leaf.notAfter).toISOString();
  options.logger.info({ fingerprint: leaf.fingerprint, expires }, 'serving a certificate');
  return false;
}

/** Performs a step. Rejects with StaleWriteError when another process was faster. */
async function perform(
  options: CertificateControllerOptions,
  { published, secret }: Look,
  step: Exclude<RotationStep, { kind: 'keep' }>,
): Promise<void> {
  const { maker, names, publisher, secrets, logger } = options;
  logger.info({ step: step.kind, reason: step.reason }, 'the certificates need a step');
  const write = (state: CertificateState): Promise<void> =>
    secrets.write(encodeCertificateSecret(state, options.secret, secret));
  switch (step.kind) {
    case 'publish':
      return publisher.publish(writeBundle(step.authorities), published);
    case 'createAll':
      return write(created(await makeIssue(maker, names), step.trusted));
    case 'stageNextCa':
      return write(staged(step.base, await makeIssue(maker, names)));
    case 'renewLeaf':
      return write(renewed(step.state, await maker.leaf(step.by, names)));
    case 'dropOldCa':
      await publisher.publish(writeBundle(step.state.authorities), published);
      return write(step.state);
    case 'promote':
    case 'adoptCa':
    case 'restore':
      return write(step.state);
  }
}

function notReady(
  { served, seen, waitingFor }: Memory,
  now: EpochMs,
  { overlap }: CertificatePolicy,
): string | undefined {
  if (served === undefined) return waitingFor;
  if (served.notAfter <= now) return 'the served certificate has expired, and no other could be had';
  const unseen = milliseconds(now - seen.at);
  if (unseen <= overlap / 2) return undefined;
  // Its authority may be removed after the overlap, and this replica would not know.
  return `the certificates in the cluster could not be read for ${Math.round(unseen / 1000)} s`;
}
