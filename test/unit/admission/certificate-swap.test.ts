import { once } from 'node:events';
import { Agent } from 'node:https';
import { connect } from 'node:tls';
import { describe, expect, it } from '@jest/globals';
import { milliseconds } from '../../../src/lib/clock.ts';
import { makeIssue } from '../../../src/certificates/make-certificate.ts';
import { answeredReview, call, reviewOf } from '../../support/admission-client.ts';
import { maker, startLoopbackServer } from '../../support/admission-server.ts';
import { systemClock } from '../../../src/lib/system-clock.ts';

const SWAPS = 30;
const EVERY = milliseconds(50);
const CALLERS = 4;

const handlers = new Map([['/mutate', () => Promise.resolve({ kind: 'allowed' } as const)]]);

describe('replacing the certificate under load', () => {
  it(`${SWAPS} authorities, one every ${EVERY} ms: no call fails, on open connections or new ones`, async () => {
    const server = await startLoopbackServer({ handlers });
    const { port } = server;
    let caBundle = server.ca;
    let running = true;
    const failures: string[] = [];
    const served = new Set<string>();
    let calls = 0;

    // Trusts only the first authority: a dropped connection could not be opened again.
    const keptAlive = async (): Promise<void> => {
      const agent = new Agent({ keepAlive: true, maxSockets: 1 });
      for (const target = { port, ca: server.ca }; running; calls++) await callOnce(target, agent);
      agent.destroy();
    };
    // Does what API servers do for a first call: trust the caBundle that is published when they connect.
    const connecting = new Map<symbol, string>();
    const newConnections = async (): Promise<void> => {
      for (; running; calls++) {
        const attempt = Symbol('attempt');
        connecting.set(attempt, caBundle);
        await callOnce({ port, ca: caBundle });
        connecting.delete(attempt);
      }
    };
    const callOnce = async (target: { port: number; ca: string }, agent?: Agent): Promise<void> => {
      try {
        const answer = await call(target, { body: reviewOf('uid-1', {}), ...(agent && { agent }) });
        if (!answeredReview(answer).allowed) failures.push(answer.text);
      } catch (thrown) {
        failures.push(String(thrown));
      }
    };
    const swap = async (): Promise<void> => {
      const { authority, issue } = await makeIssue(maker, ['127.0.0.1']);
      const old = caBundle;
      caBundle = old + authority.pem;
      // The grace period: wait until no client connects with the old caBundle.
      while ([...connecting.values()].includes(old)) await systemClock.sleep(milliseconds(1));
      server.setCertificate({ certificate: issue.leaf.pem, key: issue.leaf.key });
      served.add(await servedCertificate(port, caBundle));
      caBundle = authority.pem;
      await systemClock.sleep(EVERY);
    };

    const callers = Array.from({ length: CALLERS }, () => [keptAlive(), newConnections()]).flat();
    for (let count = 0; count < SWAPS; count++) await swap();
    running = false;
    await Promise.all(callers);
    await server.stop();

    expect(failures).toEqual([]);
    expect(served.size).toBe(SWAPS);
    expect(calls).toBeGreaterThan(SWAPS * CALLERS);
  });

  it('requires TLS 1.2 or later, also after a swap', async () => {
    const server = await startLoopbackServer({ handlers });
    const { authority, issue } = await makeIssue(maker, ['127.0.0.1']);
    const versions = async (ca: string): Promise<(string | null)[]> => {
      const tried = (['TLSv1.1', 'TLSv1.2', 'TLSv1.3'] as const).map((version) =>
        handshake(server.port, ca, version),
      );
      return Promise.all(tried);
    };
    expect(await versions(server.ca)).toEqual([null, 'TLSv1.2', 'TLSv1.3']);
    server.setCertificate({ certificate: issue.leaf.pem, key: issue.leaf.key });
    expect(await versions(authority.pem)).toEqual([null, 'TLSv1.2', 'TLSv1.3']);
    await server.stop();
  });

  it('rejects a key that does not match the certificate, and keeps serving the old one', async () => {
    const server = await startLoopbackServer({ handlers });
    const [one, other] = await Promise.all([
      makeIssue(maker, ['127.0.0.1']),
      makeIssue(maker, ['127.0.0.1']),
    ]);
    expect(() =>
      server.setCertificate({ certificate: one.issue.leaf.pem, key: other.issue.leaf.key }),
    ).toThrow();
    expect((await call(server, { body: reviewOf('uid-1', {}) })).status).toBe(200);
    await server.stop();
  });
});

async function servedCertificate(port: number, ca: string): Promise<string> {
  const socket = connect({ host: '127.0.0.1', port, ca });
  await once(socket, 'secureConnect');
  const { fingerprint256 } = socket.getPeerCertificate();
  socket.destroy();
  return fingerprint256;
}

async function handshake(port: number, ca: string, version: 'TLSv1.1' | 'TLSv1.2' | 'TLSv1.3') {
  const ciphers = 'DEFAULT@SECLEVEL=0';
  const socket = connect({ host: '127.0.0.1', port, ca, minVersion: version, maxVersion: version, ciphers });
  return new Promise<string | null>((resolve) => {
    socket.on('secureConnect', () => resolve(socket.getProtocol()));
    socket.on('error', () => resolve(null));
  }).finally(() => socket.destroy());
}
