import { describe, expect, it } from '@jest/globals';
import { milliseconds } from '../../../src/lib/clock.ts';
import type { ConfigMap } from '../../../src/contract/kubernetes.ts';
import { createStatusDebounce } from '../../../src/controllers/status/status-debounce.ts';
import { createKeyTimers } from '../../../src/lib/key-timers.ts';
import { createOwnWrites } from '../../../src/controllers/own-writes.ts';
import { createStatusWriter } from '../../../src/controllers/status/status-writer.ts';
import { createTokenBucket } from '../../../src/lib/token-bucket.ts';
import type { ApiClient } from '../../../src/kube/api-client.ts';
import { CertificateCluster } from '../../support/certificate-cluster.ts';
import { fakeClock } from '../../support/clocks.ts';
import { seededRandom } from '../../support/seeded-random.ts';

const HOUR = 3_600_000;

/** A virtual machine that was paused, a first NTP response, or `date -s`. */
describe.each([
  ['forward by an hour', HOUR],
  ['back by an hour', -HOUR],
])('when the wall clock is set %s', (_, step) => {
  it('the certificate is as fresh as before, and the replica stays ready', async () => {
    const cluster = new CertificateCluster(seededRandom(1), 2);
    for (let turn = 0; turn < 100; turn++) {
      cluster.now += 50;
      await cluster.step();
    }
    expect(cluster.replicas.map(({ keeper }) => keeper.readiness())).toEqual([undefined, undefined]);
    cluster.clockStep = step;
    expect(cluster.replicas.map(({ keeper }) => keeper.readiness())).toEqual([undefined, undefined]);
  });

  it('timers fire after their span', async () => {
    const clock = fakeClock();
    const rang: string[] = [];
    const timers = createKeyTimers<string>(clock, new AbortController().signal, (key) => rang.push(key));
    timers.set('a', milliseconds(1000));
    clock.stepWall(step);
    timers.set('b', milliseconds(1000));
    await clock.advance(999);
    expect(rang).toEqual([]);
    await clock.advance(1);
    expect(rang).toEqual(['a', 'b']);
  });

  it('the token bucket refills as before', async () => {
    const clock = fakeClock();
    const bucket = createTokenBucket({ perSecond: 1, burst: 1, clock });
    expect(bucket.tryTake()).toBe(true);
    clock.stepWall(step);
    expect(bucket.tryTake()).toBe(false);
    await clock.advance(1000);
    expect(bucket.tryTake()).toBe(true);
  });

  it('an own write is remembered for the same time', async () => {
    const clock = fakeClock();
    const writes = createOwnWrites(clock, () => undefined);
    const metadata = { namespace: 'ns', name: 'c', resourceVersion: '2' };
    const written: ConfigMap = { apiVersion: 'v1', kind: 'ConfigMap', metadata };
    writes.remember(written);
    clock.stepWall(step);
    expect(writes.unseen()).toEqual([written]);
    await clock.advance(31_000);
    expect(writes.unseen()).toEqual([]);
  });

  it('a verdict keeps its age', async () => {
    const clock = fakeClock();
    const memory = createStatusDebounce(clock);
    memory.since('ns/m' as never, 'v');
    clock.stepWall(step);
    await clock.advance(500);
    expect(clock.monotonic() - memory.since('ns/m' as never, 'v')).toBe(500);
  });

  it('a status that the previous leader wrote an hour in the future counts as written now at the latest', () => {
    const clock = fakeClock();
    const at = { type: 'Ready', lastTransitionTime: new Date(clock.now()).toISOString() };
    clock.stepWall(step);
    const writer = createStatusWriter({
      ...{ client: {} as ApiClient, clock, scope: 'whole', perSecond: 1, burst: 1 },
      observe: () => undefined,
    });
    const { writtenAt = Infinity } = writer.newest({
      metadata: { namespace: 'ns', name: 'm' },
      status: { conditions: [at] },
    });
    expect(writtenAt).toBeLessThanOrEqual(clock.monotonic());
  });
});
