import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { setTimeout as delay } from 'node:timers/promises';
import type { ControlPlane } from '../../src/development/controlplane/control-plane.ts';
import { milliseconds } from '../../src/lib/clock.ts';
import { objectKey } from '../../src/contract/kubernetes.ts';
import type { ApiClient } from '../../src/kube/api-client.ts';
import { startReflector } from '../../src/kube/reflector.ts';
import type { ReflectorEvent } from '../../src/kube/reflector-types.ts';
import { CONFIG_MAPS } from '../../src/kube/resources.ts';
import { systemClock } from '../../src/lib/system-clock.ts';
import { clientFor } from '../support/api-access.ts';
import { testControlPlane } from '../support/control-plane.ts';
import { eventuallyTrue } from '../support/eventually.ts';
import { quietLogger } from '../support/quiet-logger.ts';
import { startTcpProxy } from '../support/tcp-proxy.ts';
import type { TcpProxy } from '../support/tcp-proxy.ts';

/** A hundredth of the manager's times. */
const PROBE = {
  ...{ after: milliseconds(200), within: milliseconds(500) },
  ...{ every: milliseconds(200), lookEvery: milliseconds(100) },
};

describe('connections to the API server that go silent without a reset', () => {
  let controlPlane: ControlPlane;
  let client: ApiClient;
  let remote: ApiClient;
  let proxy: TcpProxy;

  beforeAll(async () => {
    controlPlane = await testControlPlane();
    client = clientFor(controlPlane);
    proxy = await startTcpProxy(Number(new URL(controlPlane.server).port));
    remote = clientFor(controlPlane, { port: proxy.port, probe: PROBE });
  });

  afterAll(async () => {
    await remote.close();
    await client.close();
    await proxy.close();
    await controlPlane.stop();
  });

  it('are dropped and dialled again; idle but live connections are kept', async () => {
    const events: ReflectorEvent[] = [];
    const count = (type: ReflectorEvent['type']): number =>
      events.filter((event) => event.type === type).length;
    const reflector = startReflector({
      ...{ client: remote, resource: CONFIG_MAPS, namespace: 'default' },
      ...{ clock: systemClock, random: Math.random, logger: quietLogger },
      observe: (event) => events.push(event),
    });
    await reflector.synced;
    await eventuallyTrue('it watches', () => count('watch-opened') === 1);
    // Many times the duration of a probe. No event can be awaited, because nothing must happen.
    await delay(20 * PROBE.after);
    expect(count('watch-ended')).toBe(0);
    proxy.mode = 'stall';
    await client.create(CONFIG_MAPS, { metadata: { namespace: 'default', name: 'unseen' } });
    await eventuallyTrue('it notices', () =>
      events.some((event) => event.type === 'watch-ended' && event.reason === 'API_TIMEOUT'),
    );
    proxy.mode = 'pass';
    await eventuallyTrue(
      'the cache is current',
      () => reflector.cache.get(objectKey('default', 'unseen')) !== undefined,
    );
    expect(count('listed')).toBe(1);
    await reflector.stop();
  });
});
