import { describe, expect, it } from '@jest/globals';
import type { CertificateSecret } from '../../../src/certificates/certificate-secret.decide.ts';
import type { Random } from '../../../src/lib/clock.ts';
import {
  CertificateCluster,
  HOUR,
  prints,
  secretText,
  SIMULATED_POLICY,
} from '../../support/certificate-cluster.ts';
import { signerOf } from '../../support/paper-certificates.ts';
import { seededRandom } from '../../support/seeded-random.ts';

const SCHEDULES = 60;
const STEPS = 500;

describe('the rule: every API server trusts what a ready replica serves', () => {
  it(`holds at each of ${STEPS} moments of ${SCHEDULES} random schedules of faults, and all settles in the end`, async () => {
    const totals = new Map<string, number>();
    for (let seed = 1; seed <= SCHEDULES; seed++) {
      const random = seededRandom(seed);
      const cluster = new CertificateCluster(random, 3);
      const old: CertificateSecret[] = [];
      await quiet(cluster, 20_000);
      for (let step = 0; step < STEPS; step++) {
        cluster.now += random() * 300;
        if (random() < 0.04) disturb(cluster, random, old);
        await cluster.step();
        expectTrust(cluster, seed);
      }
      for (const [kind, count] of cluster.steps) totals.set(kind, (totals.get(kind) ?? 0) + count);
      await settle(cluster, seed);
    }
    // The schedules took every kind of step. Otherwise, doing nothing would keep the rule.
    expect([...totals.keys()].sort()).toEqual(
      [
        'adoptCa',
        'createAll',
        'dropOldCa',
        'promote',
        'publish',
        'renewLeaf',
        'restore',
        'stageNextCa',
      ].sort(),
    );
  });
});

/** Applies one of the faults that happen in a cluster. */
function disturb(cluster: CertificateCluster, random: Random, old: CertificateSecret[]): void {
  const replica = pick(cluster.replicas, random);
  const faults: Record<string, () => void> = {
    deleteSecret: () => cluster.putSecret(undefined),
    deleteSecretAgain: () => cluster.putSecret(undefined),
    corruptSecret: () => {
      const { secret } = cluster;
      if (secret === undefined) return;
      const key = pick(Object.keys(secret.data ?? {}), random);
      cluster.putSecret({ ...secret, data: { ...secret.data, [key]: 'Z2FyYmFnZQ==' } });
    },
    keepSecret: () => cluster.secret && old.push(cluster.secret),
    putBackOldSecret: () => cluster.putSecret(old.length === 0 ? cluster.secret : pick(old, random)),
    restart: () => cluster.restart(replica),
    freeze: () => (replica.frozen = true),
    thaw: () => cluster.replicas.forEach((each) => (each.frozen = false)),
    lead: () => (replica.leader = true),
    stopLeading: () => (replica.leader = false),
    apiFails: () => (cluster.failing = !cluster.failing),
    // Short enough that no replica loses track of how long something has been so.
    twentyMinutesPass: () => (cluster.now += HOUR / 3),
    twentyMorePass: () => (cluster.now += HOUR / 3),
    andTwentyMore: () => (cluster.now += HOUR / 3),
    anHourPasses: () => (cluster.now += 1.1 * HOUR),
    halfAnHourPasses: () => (cluster.now += 0.6 * HOUR),
    daysPass: () => (cluster.now += 60 * HOUR),
  };
  const name = pick(Object.keys(faults), random);
  cluster.tell(`${name} (${replica.name})`);
  faults[name]?.();
}

function expectTrust(cluster: CertificateCluster, seed: number): void {
  const untrusted = cluster.untrusted();
  if (untrusted.length === 0) return;
  throw new Error(
    `schedule ${seed}: ${untrusted.join(', ')}; before that:\n${cluster.story.slice(-40).join('\n')}`,
  );
}

/** Runs without faults. */
async function quiet(cluster: CertificateCluster, span: number): Promise<void> {
  for (const end = cluster.now + span; cluster.now < end; cluster.now += 100) {
    for (let turn = 0; turn < 8 && (await cluster.step()); turn++);
  }
}

async function settle(cluster: CertificateCluster, seed: number): Promise<void> {
  cluster.failing = false;
  cluster.replicas.forEach((each, index) => Object.assign(each, { frozen: false, leader: index === 0 }));
  await quiet(cluster, 30_000);
  // Often enough that no replica loses track of the time.
  for (let part = 0; part < 9; part++) {
    cluster.now += SIMULATED_POLICY.overlap / 4;
    await quiet(cluster, 12_000);
    expectTrust(cluster, seed);
  }
  const served = secretText(cluster.secret, 'tls.crt');
  expect(
    cluster.replicas.map((each) => ({ served: each.served, ready: each.keeper.readiness() ?? 'yes' })),
  ).toEqual(cluster.replicas.map(() => ({ served, ready: 'yes' })));
  expect({ seed, bundles: cluster.bundles.map(prints) }).toEqual({
    seed,
    bundles: [[signerOf(served)], [signerOf(served)]],
  });
}

function pick<T>(from: readonly T[], random: Random): T {
  return from[Math.floor(random() * from.length)]!;
}
