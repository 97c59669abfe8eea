import { describe, expect, it } from '@jest/globals';
import type { CertificateSecret } from '../../../src/certificates/certificate-secret.decide.ts';
import { DEFAULT_CERTIFICATE_POLICY } from '../../../src/certificates/certificate.decide.ts';
import { milliseconds, seconds } from '../../../src/lib/clock.ts';
import {
  certificateController,
  type CertificateController,
} from '../../../src/certificates/certificate-controller.ts';
import { startCertificateLoop } from '../../../src/certificates/certificate-loop.ts';
import {
  StaleWriteError,
  type CaBundlePublisher,
  type SecretStore,
} from '../../../src/certificates/certificate-stores.ts';
import { startAdmissionServer, type AdmissionServer } from '../../../src/admission/admission-server.ts';
import { certificateReader } from '../../../src/certificates/make-certificate.ts';
import { answeredReview, call, reviewOf } from '../../support/admission-client.ts';
import { maker } from '../../support/admission-server.ts';
import { quietLogger } from '../../support/quiet-logger.ts';
import { systemClock } from '../../../src/lib/system-clock.ts';

const policy = { ...DEFAULT_CERTIFICATE_POLICY, grace: seconds(1) };
const DELETIONS = 4;
const CALLERS = 4;

/** A Secret and a caBundle in memory, with the API's optimistic concurrency. */
function memoryStores() {
  let version = 0;
  const stores = { secret: undefined as CertificateSecret | undefined, caBundle: '' };
  const secrets: SecretStore = {
    read: () => Promise.resolve(structuredClone(stores.secret)),
    write: (secret) => {
      if (secret.metadata.resourceVersion !== stores.secret?.metadata.resourceVersion) {
        return Promise.reject(new StaleWriteError('the Secret has changed'));
      }
      stores.secret = { ...secret, metadata: { ...secret.metadata, resourceVersion: String(++version) } };
      return Promise.resolve();
    },
  };
  const publisher: CaBundlePublisher = {
    read: () =>
      Promise.resolve({
        bundles: [{ name: 'pods', caBundle: stores.caBundle }],
        version: stores.caBundle,
      }),
    publish: (caBundle, over) => {
      if (over.version !== stores.caBundle)
        return Promise.reject(new StaleWriteError('the caBundle has changed'));
      stores.caBundle = caBundle;
      return Promise.resolve();
    },
  };
  return { stores, secrets, publisher };
}

interface Replica {
  server?: AdmissionServer;
  readonly keeper: CertificateController;
  readonly certificates: Set<string>;
}

describe('two replicas with real certificates', () => {
  it(`the Secret is deleted ${DELETIONS} times under load: no call fails, and what is served changes`, async () => {
    const { stores, secrets, publisher } = memoryStores();
    const stop = new AbortController();
    const startReplica = (leader: boolean): Replica => {
      const certificates = new Set<string>();
      const replica: Replica = {
        certificates,
        keeper: certificateController({
          secrets,
          publisher,
          secret: { namespace: 'kserve-mms-system', name: 'kserve-mms-webhook-certificate' },
          maker,
          reader: certificateReader,
          policy,
          names: ['127.0.0.1'],
          isLeader: () => leader,
          serve: (certificate) => {
            certificates.add(certificate.certificate);
            if (certificates.size > 1) replica.server?.setCertificate(certificate);
            else void startServer(certificate).then((server) => (replica.server = server));
          },
          clock: systemClock,
          logger: quietLogger,
        }),
      };
      return replica;
    };
    const startServer = (certificate: { certificate: string; key: string }): Promise<AdmissionServer> =>
      startAdmissionServer({
        host: '127.0.0.1',
        port: 0,
        certificate,
        handlers: new Map([['/mutate', () => Promise.resolve({ kind: 'allowed' } as const)]]),
        logger: quietLogger,
        observe: () => undefined,
        clock: systemClock,
        drain: milliseconds(0),
      });
    const replicas = [startReplica(true), startReplica(false)];
    const context = { clock: systemClock, random: Math.random, logger: quietLogger, signal: stop.signal };
    const loops = replicas.map(({ keeper }) => startCertificateLoop(keeper, context));
    const until = async (condition: () => boolean): Promise<void> => {
      while (!condition()) await systemClock.sleep(milliseconds(10));
    };
    await until(() => replicas.every(({ server }) => server !== undefined));

    const failures: string[] = [];
    let calls = 0;
    let running = true;
    const caller = async (index: number): Promise<void> => {
      for (; running; calls++) {
        const port = replicas[(calls + index) % 2]?.server?.port ?? 0;
        try {
          const answer = await call({ port, ca: stores.caBundle }, { body: reviewOf('uid-1', {}) });
          if (!answeredReview(answer).allowed) failures.push(answer.text);
        } catch (thrown) {
          failures.push(String(thrown));
        }
      }
    };
    const callers = Array.from({ length: CALLERS }, (_, index) => caller(index));
    for (let deletion = 1; deletion <= DELETIONS; deletion++) {
      stores.secret = undefined;
      loops.forEach((loop) => loop.trigger());
      await until(() => replicas.every(({ certificates }) => certificates.size === deletion + 1));
    }
    running = false;
    await Promise.all(callers);
    stop.abort();
    await Promise.all(loops.map(({ finished }) => finished));
    for (const { server } of replicas) await server?.stop();

    expect(failures).toEqual([]);
    expect(calls).toBeGreaterThan(100);
  });
});
