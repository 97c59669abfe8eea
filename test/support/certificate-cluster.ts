import type { CertificateSecret } from '../../src/certificates/certificate-secret.decide.ts';
import {
  readBundle,
  type CertificatePolicy,
  type Fingerprint,
} from '../../src/certificates/certificate.decide.ts';
import {
  milliseconds,
  seconds,
  type Clock,
  type EpochMs,
  type MonotonicMs,
  type Random,
} from '../../src/lib/clock.ts';
import {
  certificateController,
  type CertificateController,
} from '../../src/certificates/certificate-controller.ts';
import {
  StaleWriteError,
  type CaBundlePublisher,
  type SecretStore,
} from '../../src/certificates/certificate-stores.ts';
import type { CertificateMaker } from '../../src/certificates/make-certificate.ts';
import { paperMaker, paperReader, signerOf } from './paper-certificates.ts';
import { quietLogger } from './quiet-logger.ts';

export const HOUR = 3_600_000;
export const SIMULATED_POLICY: CertificatePolicy = {
  authorityLifetime: milliseconds(30 * 24 * HOUR),
  leafLifetime: milliseconds(7 * 24 * HOUR),
  backdate: seconds(300),
  renewAt: 2 / 3,
  grace: seconds(5),
  overlap: milliseconds(HOUR),
};
/** The delay after which an API server knows a new caBundle; less than the grace. */
const API_SERVER_LAG = seconds(4);

export interface SimulatedReplica {
  readonly name: string;
  keeper: CertificateController;
  leader: boolean;
  served: string | undefined;
  /** Neither reconciles nor gets answers. */
  frozen: boolean;
  ticking: boolean;
  nextTickAt: number;
}

interface Turn {
  readonly of: SimulatedReplica;
  readonly take: () => void;
}

/**
 * Replicas on one simulated API with a simulated clock. Each call to the API waits for its turn before and after it
 * takes effect, and turns come in random order, so that replicas overtake each other anywhere.
 */
export class CertificateCluster {
  now = Date.UTC(2030, 0, 1);
  secret: CertificateSecret | undefined;
  /** The caBundles of two webhooks. */
  bundles: readonly string[] = ['', ''];
  /** While true, calls fail at random, some of them after they took effect. */
  failing = false;
  readonly replicas: SimulatedReplica[] = [];
  /** How often each kind of step was taken. */
  readonly steps = new Map<string, number>();
  /** The difference between the wall clock and the elapsed time. */
  clockStep = 0;
  /** The events so far, to find out why a test failed. */
  readonly story: string[] = [];
  readonly #random: Random;
  readonly #clock: Clock;
  readonly #maker: CertificateMaker;
  #turns: Turn[] = [];
  #past: { until: number; bundles: readonly string[] }[] = [];
  #version = 0;

  constructor(random: Random, replicaCount: number) {
    this.#random = random;
    this.#clock = {
      now: () => (this.now + this.clockStep) as EpochMs,
      monotonic: () => this.now as MonotonicMs,
      sleep: () => Promise.reject(new Error('nothing here sleeps')),
    };
    this.#maker = paperMaker(this.#clock, SIMULATED_POLICY);
    for (let index = 0; index < replicaCount; index++) {
      const replica = { name: `replica-${index}`, leader: index === 0, frozen: false } as SimulatedReplica;
      this.restart(replica);
      this.replicas.push(replica);
    }
  }

  /** Restarts the replica without any memory. Its current work is lost. */
  restart(replica: SimulatedReplica): void {
    this.#turns = this.#turns.filter(({ of }) => of !== replica);
    Object.assign(replica, { served: undefined, ticking: false, nextTickAt: this.now });
    replica.keeper = certificateController({
      secrets: this.#secrets(replica),
      publisher: this.#publisher(replica),
      secret: { namespace: 'kserve-mms-system', name: 'kserve-mms-webhook-certificate' },
      maker: this.#maker,
      reader: paperReader,
      policy: SIMULATED_POLICY,
      names: ['webhook.svc'],
      isLeader: () => replica.leader,
      serve: ({ certificate }) => {
        replica.served = certificate;
        this.tell(`${replica.name} serves what ${signerOf(certificate)} signed`);
      },
      clock: this.#clock,
      logger: { ...quietLogger, info: (fields) => this.#count(replica, fields) },
    });
  }

  putSecret(secret: CertificateSecret | undefined): void {
    if (secret === undefined) this.secret = undefined;
    else {
      const metadata = { ...secret.metadata, resourceVersion: String(++this.#version) };
      this.secret = { ...structuredClone(secret), metadata };
    }
  }

  /** Acts as a watch: every replica reconciles. */
  poke(): void {
    for (const replica of this.replicas) replica.nextTickAt = this.now;
  }

  setBundles(bundles: readonly string[]): void {
    this.#past = this.#past.filter(({ until }) => until > this.now - API_SERVER_LAG);
    this.#past.push({ until: this.now, bundles: this.bundles });
    this.bundles = bundles;
    this.tell(`caBundles: ${bundles.map(prints).join(' | ')}`);
  }

  tell(event: string): void {
    this.story.push(`${new Date(this.now).toISOString()} ${event}`);
  }

  /** Lets one replica reconcile, or one call to the API proceed. False when no replica has anything to do. */
  async step(): Promise<boolean> {
    const due = this.replicas.filter((each) => !each.frozen && !each.ticking && each.nextTickAt <= this.now);
    const turns = this.#turns.filter(({ of }) => !of.frozen);
    if (due.length + turns.length === 0) return false;
    const chosen = Math.floor(this.#random() * (due.length + turns.length));
    const replica = due[chosen];
    const turn = turns[chosen - due.length];
    if (replica !== undefined) this.#tick(replica);
    else if (turn !== undefined) {
      this.#turns = this.#turns.filter((other) => other !== turn);
      turn.take();
    }
    await new Promise((resolve) => setImmediate(resolve));
    return true;
  }

  /** Violations of the rule: ready replicas with a certificate that some API server may not trust. */
  untrusted(): string[] {
    const lately = this.#past.filter(({ until }) => until > this.now - API_SERVER_LAG);
    // Before the first publication no pod can be admitted, whatever certificate is served.
    const views = [this.bundles, ...lately.map(({ bundles }) => bundles)].filter(
      (view) => !view.includes(''),
    );
    const trusted = views.flat().map((bundle) => new Set(prints(bundle)));
    return this.replicas
      .filter(({ keeper }) => keeper.readiness() === undefined)
      .filter(({ served }) => trusted.some((authorities) => !authorities.has(signerOf(served ?? ''))))
      .map(({ name, served }) => `${name} serves what ${signerOf(served ?? '')} signed`);
  }

  #tick(replica: SimulatedReplica): void {
    const { keeper } = replica;
    replica.ticking = true;
    const done = (nextTickAt: number): void => {
      if (replica.keeper === keeper) Object.assign(replica, { ticking: false, nextTickAt });
    };
    keeper.reconcile().then(done, () => done(this.now + 500));
  }

  async #call<T>(of: SimulatedReplica, effect: () => T): Promise<T> {
    const turn = (): Promise<void> => new Promise((take) => this.#turns.push({ of, take }));
    await turn();
    if (this.failing && this.#random() < 0.3) throw new Error('the API cannot be reached');
    const result = effect();
    await turn();
    if (this.failing && this.#random() < 0.3) throw new Error('the answer was lost');
    return result;
  }

  #secrets(replica: SimulatedReplica): SecretStore {
    return {
      read: () => this.#call(replica, () => structuredClone(this.secret)),
      write: (secret) =>
        this.#call(replica, () => {
          if (secret.metadata.resourceVersion !== this.secret?.metadata.resourceVersion) {
            throw new StaleWriteError('the Secret has changed');
          }
          this.putSecret(secret);
          this.tell(`${replica.name} stores ${describe(secret)}`);
        }),
    };
  }

  #publisher(replica: SimulatedReplica): CaBundlePublisher {
    return {
      read: () =>
        this.#call(replica, () => ({
          bundles: this.bundles.map((caBundle, index) => ({ name: `webhook-${index}`, caBundle })),
          version: this.bundles,
        })),
      publish: (caBundle, { version }) =>
        this.#call(replica, () => {
          if (version !== this.bundles) throw new StaleWriteError('the caBundles have changed');
          // Two objects are not written atomically, and the second write may fail.
          this.setBundles([caBundle, this.failing ? (this.bundles[1] ?? '') : caBundle]);
        }),
    };
  }

  #count({ name }: SimulatedReplica, fields: object): void {
    const { step, reason } = fields as { step?: string; reason?: string };
    if (step === undefined) return;
    this.steps.set(step, (this.steps.get(step) ?? 0) + 1);
    this.tell(`${name} decides ${step}: ${reason ?? ''}`);
  }
}

/** The fingerprints of a PEM bundle. */
export function prints(bundle: string): Fingerprint[] {
  return readBundle(bundle, paperReader).map(({ fingerprint }) => fingerprint);
}

function describe(secret: CertificateSecret): string {
  const [serving, next] = ['tls.crt', 'next-tls.crt'].map((key) => signerOf(secretText(secret, key)));
  return `${prints(secretText(secret, 'ca.crt')).join(',')} serving ${serving} next ${next}`;
}

export function secretText(secret: CertificateSecret | undefined, key: string): string {
  return Buffer.from(secret?.data?.[key] ?? '', 'base64').toString();
}
