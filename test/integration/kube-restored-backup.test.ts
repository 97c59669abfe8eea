import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from '@jest/globals';
import type { ConfigMap } from '../../src/contract/kubernetes.ts';
import type { ControlPlane } from '../../src/development/controlplane/control-plane.ts';
import { startReflector } from '../../src/kube/reflector.ts';
import type { ReflectorEvent } from '../../src/kube/reflector-types.ts';
import { CONFIG_MAPS } from '../../src/kube/resources.ts';
import { clientFor, kubeConfigFor } from '../support/api-access.ts';
import { systemClock } from '../../src/lib/system-clock.ts';
import { testControlPlane } from '../support/control-plane.ts';
import { eventuallyTrue } from '../support/eventually.ts';
import { recordingLogger } from '../support/logs.ts';
import { startTcpProxy } from '../support/tcp-proxy.ts';

describe('a reflector of a cluster whose etcd is restored from a backup', () => {
  const cleanups: (() => Promise<unknown>)[] = [];
  afterAll(async () => {
    for (const cleanup of cleanups.reverse()) await cleanup();
  });

  const names = (objects: Iterable<ConfigMap>): string[] =>
    [...objects].map((object) => object.metadata.name).sort();

  it('goes back to the backup, and follows changes from there', async () => {
    const parent = await mkdtemp(join(tmpdir(), 'kserve-mms-backup-'));
    cleanups.push(() => rm(parent, { recursive: true, force: true }));
    const directory = join(parent, 'data');
    const backup = join(parent, 'backup');
    const token = 'the-same-after-each-start';
    let controlPlane: ControlPlane | undefined;
    cleanups.push(() => controlPlane?.stop() ?? Promise.resolve());
    /** Starts the API server and returns a client of it. */
    const start = async () => {
      const users = [{ name: 'test', token, groups: ['system:masters'] }];
      controlPlane = await testControlPlane({ directory, users });
      const client = clientFor(controlPlane);
      cleanups.push(() => client.close());
      return { controlPlane, client, port: Number(new URL(controlPlane.server).port) };
    };
    const put = (name: string): ConfigMap => ({ metadata: { name, namespace: 'default' } });

    const before = await start();
    await before.client.create(CONFIG_MAPS, put('kept'));
    await before.controlPlane.stop();
    await cp(directory, backup, { recursive: true });

    const doomed = await start();
    const proxy = await startTcpProxy(doomed.port);
    const kubeConfig = kubeConfigFor(doomed.controlPlane, proxy.port);
    kubeConfig.users = kubeConfig.users.map((user) => ({ ...user, token }));
    const remote = clientFor(doomed.controlPlane, { kubeConfig });
    cleanups.push(
      () => proxy.close(),
      () => remote.close(),
    );
    for (let i = 0; i < 100; i += 1) await doomed.client.create(CONFIG_MAPS, put(`lost-${i}`));
    const events: ReflectorEvent[] = [];
    const reflector = startReflector({
      client: remote,
      resource: CONFIG_MAPS,
      namespace: 'default',
      clock: systemClock,
      random: Math.random,
      logger: recordingLogger(),
      observe: (event) => events.push(event),
    });
    cleanups.push(() => reflector.stop());
    await reflector.synced;
    expect(names(reflector.cache.list())).toHaveLength(101);
    await doomed.controlPlane.stop();
    await rm(directory, { recursive: true });
    await cp(backup, directory, { recursive: true });

    const restored = await start();
    proxy.target = restored.port;
    await eventuallyTrue('the lost objects are gone', () => names(reflector.cache.list()).join() === 'kept');
    expect(events).toContainEqual({ type: 'watch-ended', reason: 'went-back' });
    await restored.client.create(CONFIG_MAPS, put('new'));
    await eventuallyTrue('the new one is seen', () => names(reflector.cache.list()).join() === 'kept,new');
  });
});
