import { describe, expect, it } from '@jest/globals';
import {
  CertificateCluster,
  HOUR,
  prints,
  secretText,
  SIMULATED_POLICY,
} from '../../support/certificate-cluster.ts';
import { signerOf } from '../../support/paper-certificates.ts';
import { seededRandom } from '../../support/seeded-random.ts';

/** Runs the replicas for a while, in steps of 100 ms, and checks trust at each step. */
async function run(cluster: CertificateCluster, span: number): Promise<void> {
  for (const end = cluster.now + span; cluster.now < end; cluster.now += 100) {
    for (let turn = 0; turn < 12 && (await cluster.step()); turn++);
    expect(cluster.untrusted()).toEqual([]);
  }
}

/** Does the same for hours, in steps of ten minutes. */
async function runHours(cluster: CertificateCluster, hours: number): Promise<void> {
  for (let part = 0; part < hours * 6; part++) {
    cluster.now += HOUR / 6 - 2000;
    await run(cluster, 2000);
  }
}

async function started(replicas: number): Promise<CertificateCluster> {
  const cluster = new CertificateCluster(seededRandom(1), replicas);
  await run(cluster, 5000);
  return cluster;
}

function deleteSecret(cluster: CertificateCluster): void {
  cluster.putSecret(undefined);
  cluster.poke();
}

const signers = (cluster: CertificateCluster) => cluster.replicas.map(({ served }) => signerOf(served ?? ''));
const ready = (cluster: CertificateCluster) => cluster.replicas.map(({ keeper }) => keeper.readiness());

describe('the certificate controller', () => {
  it('at the first start the leader creates and publishes, and all replicas serve the same and are ready within 2 s', async () => {
    const cluster = new CertificateCluster(seededRandom(1), 3);
    expect(ready(cluster)[0]).toContain('the Secret with the certificate is not there yet');
    await run(cluster, 2000);
    expect(ready(cluster)).toEqual([undefined, undefined, undefined]);
    expect(new Set(cluster.replicas.map(({ served }) => served)).size).toBe(1);
    expect(cluster.bundles.map(prints)).toEqual([signers(cluster).slice(0, 1), signers(cluster).slice(0, 1)]);
  });

  it('without a leader creates nothing, and readiness says what is missing', async () => {
    const cluster = new CertificateCluster(seededRandom(1), 2);
    cluster.replicas.forEach((each) => (each.leader = false));
    await run(cluster, 5000);
    expect(cluster.secret).toBeUndefined();
    expect(ready(cluster)[1]).toContain('not there yet');
  });

  it('does nothing while nothing is due', async () => {
    const cluster = await started(2);
    const before = { secret: cluster.secret, story: cluster.story.length };
    await runHours(cluster, 12);
    expect({ secret: cluster.secret, story: cluster.story.length }).toEqual(before);
  });

  it('after the Secret is deleted, serves the old certificate until the new authority has been published for the grace period', async () => {
    const cluster = await started(2);
    const [old] = signers(cluster);
    const served = cluster.replicas.map((each) => each.served);
    deleteSecret(cluster);
    await run(cluster, SIMULATED_POLICY.grace - 1000);
    expect(cluster.replicas.map((each) => each.served)).toEqual(served);
    expect(secretText(cluster.secret, 'tls.crt')).toBe(served[0]);
    await run(cluster, 20_000);
    const [current] = signers(cluster);
    expect(current).not.toBe(old);
    expect(signers(cluster)).toEqual([current, current]);
    expect(prints(cluster.bundles[0]!)).toEqual([old, current]);
    await runHours(cluster, 3);
    expect(cluster.bundles.map(prints)).toEqual([[current], [current]]);
  });

  it('when the Secret is deleted every 5 s for ten minutes, continues to rotate and keeps the caBundle small', async () => {
    const cluster = await started(2);
    for (let round = 0; round < 120; round++) {
      deleteSecret(cluster);
      await run(cluster, 5000);
    }
    expect(cluster.steps.get('promote')).toBeGreaterThan(20);
    expect(prints(cluster.bundles[0]!).length).toBeLessThanOrEqual(32);
  });

  it('fills an emptied caBundle at the next check', async () => {
    const cluster = await started(2);
    const [authority] = signers(cluster);
    cluster.setBundles(['', '']);
    await run(cluster, 15_000);
    expect(cluster.bundles.map(prints)).toEqual([[authority], [authority]]);
    expect(ready(cluster)).toEqual([undefined, undefined]);
  });

  it('over two years, renews certificates and authorities before they expire', async () => {
    const cluster = await started(2);
    const renewals = () => cluster.steps.get('renewLeaf') ?? 0;
    for (let day = 0; day < 730; day++) {
      cluster.now += 24 * HOUR;
      await run(cluster, 12_000);
      const ends = cluster.replicas.map(({ keeper }) => keeper.readiness());
      expect({ day, ends }).toEqual({ day, ends: [undefined, undefined] });
    }
    expect(renewals()).toBeGreaterThan(100);
    expect(cluster.steps.get('promote')).toBeGreaterThan(30);
  });

  it('a replica cut off for half the overlap is not ready, because its authority may be removed', async () => {
    const cluster = await started(2);
    const [, cutOff] = cluster.replicas;
    cutOff!.frozen = true;
    deleteSecret(cluster);
    await runHours(cluster, 3);
    expect(prints(cluster.bundles[0]!)).not.toContain(signerOf(cutOff!.served!));
    expect(cutOff!.keeper.readiness()).toMatch(/could not be read for \d+ s/);
    cutOff!.frozen = false;
    await run(cluster, 15_000);
    expect(ready(cluster)).toEqual([undefined, undefined]);
    expect(new Set(signers(cluster)).size).toBe(1);
  });

  it('restarts the overlap after a long break, because it does not count time that it has not observed', async () => {
    const cluster = await started(2);
    deleteSecret(cluster);
    await run(cluster, 20_000);
    expect(prints(cluster.bundles[0]!)).toHaveLength(2);
    cluster.now += 2 * HOUR;
    await run(cluster, 15_000);
    expect(prints(cluster.bundles[0]!)).toHaveLength(2);
    await runHours(cluster, 3);
    expect(prints(cluster.bundles[0]!)).toHaveLength(1);
  });
});
