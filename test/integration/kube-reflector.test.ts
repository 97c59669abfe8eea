import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { milliseconds, seconds } from '../../src/lib/clock.ts';
import { keyOf, objectKey, type ConfigMap } from '../../src/contract/kubernetes.ts';
import type { ControlPlane } from '../../src/development/controlplane/control-plane.ts';
import type { ApiClient } from '../../src/kube/api-client.ts';
import { createIndex } from '../../src/kube/object-index.ts';
import { startReflector, type Reflector, type ReflectorOptions } from '../../src/kube/reflector.ts';
import type { Delta, ReflectorEvent } from '../../src/kube/reflector-types.ts';
import {
  CONFIG_MAPS,
  CUSTOM_RESOURCE_DEFINITIONS,
  NAMESPACES,
  TRAINED_MODELS,
} from '../../src/kube/resources.ts';
import { waitForSync } from '../../src/kube/wait-for-sync.ts';
import { clientFor } from '../support/api-access.ts';
import { systemClock } from '../../src/lib/system-clock.ts';
import { testControlPlane } from '../support/control-plane.ts';
import { eventuallyTrue } from '../support/eventually.ts';
import { recordingLogger } from '../support/logs.ts';
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.ts';
import { watchUnhandled } from '../support/unhandled.ts';

describe('a reflector of a real API server', () => {
  const unhandled = watchUnhandled();
  let controlPlane: ControlPlane;
  let client: ApiClient;
  let proxy: TcpProxy;
  let remote: ApiClient;
  let namespace = '';
  let namespaces = 0;
  const running: Reflector<ConfigMap>[] = [];

  beforeAll(async () => {
    controlPlane = await testControlPlane();
    client = clientFor(controlPlane);
    proxy = await startTcpProxy(Number(new URL(controlPlane.server).port));
    remote = clientFor(controlPlane, { port: proxy.port });
  });

  beforeEach(async () => {
    namespaces += 1;
    namespace = `reflected-${namespaces}`;
    await client.create(NAMESPACES, { metadata: { name: namespace } });
  });

  afterEach(async () => {
    proxy.mode = 'pass';
    await Promise.all(running.splice(0).map((reflector) => reflector.stop()));
  });

  afterAll(async () => {
    await remote.close();
    await client.close();
    await proxy.close();
    await controlPlane.stop();
    unhandled.stop();
    expect(unhandled.seen).toEqual([]);
  });

  interface Observed {
    readonly reflector: Reflector<ConfigMap>;
    readonly deltas: Delta<ConfigMap>[];
    readonly events: ReflectorEvent[];
    readonly count: (type: ReflectorEvent['type']) => number;
    readonly logger: ReturnType<typeof recordingLogger>;
  }

  function reflect(options: Partial<ReflectorOptions<ConfigMap>> = {}): Observed {
    const deltas: Delta<ConfigMap>[] = [];
    const events: ReflectorEvent[] = [];
    const logger = recordingLogger();
    const reflector = startReflector<ConfigMap>({
      client: remote,
      resource: CONFIG_MAPS,
      namespace,
      clock: systemClock,
      random: Math.random,
      logger,
      observe: (event) => events.push(event),
      ...options,
    });
    reflector.subscribe((delta) => deltas.push(delta));
    running.push(reflector);
    return {
      reflector,
      deltas,
      events,
      logger,
      count: (type) => events.filter((event) => event.type === type).length,
    };
  }

  const put = (name: string, data: Record<string, string> = {}): Promise<ConfigMap> =>
    client.create(CONFIG_MAPS, { metadata: { name, namespace }, data });
  const set = (name: string, value: string): Promise<ConfigMap> =>
    client.patch(CONFIG_MAPS, { namespace, name }, { type: 'merge', body: { data: { value } } });
  const remove = (name: string): Promise<void> => client.delete(CONFIG_MAPS, { namespace, name });

  /** The objects with their versions. */
  const versions = (objects: Iterable<ConfigMap>): string[] =>
    [...objects].map((object) => `${keyOf(object)}@${object.metadata.resourceVersion ?? ''}`).sort();
  const isCurrent = async (reflector: Reflector<ConfigMap>): Promise<boolean> => {
    const { items } = await client.list(CONFIG_MAPS, { namespace });
    return versions(items).join() === versions(reflector.cache.list()).join();
  };
  /** The state that results from the deltas alone. */
  const replay = (deltas: readonly Delta<ConfigMap>[]): string[] => {
    const objects = new Map<string, ConfigMap>();
    for (const delta of deltas) {
      if (delta.type === 'synced') continue;
      const key = keyOf(delta.object);
      expect(objects.has(key)).toBe(delta.type !== 'added');
      if (delta.type === 'deleted') objects.delete(key);
      else objects.set(key, delta.object);
    }
    return versions(objects.values());
  };

  it('delivers the existing objects, then each change', async () => {
    await put('before');
    const { reflector, deltas } = reflect();
    expect(reflector.cache.synced).toBe(false);
    await reflector.synced;
    expect(reflector.cache.synced).toBe(true);
    await put('after', { value: '1' });
    await set('after', '2');
    await remove('after');
    await eventuallyTrue('the deletion arrives', () => deltas.at(-1)?.type === 'deleted');
    const seen = deltas.map((delta) =>
      delta.type === 'synced'
        ? 'synced'
        : `${delta.type} ${delta.object.metadata.name} ${delta.object.data?.['value'] ?? ''}`,
    );
    expect(seen).toEqual(['added before ', 'synced', 'added after 1', 'updated after 2', 'deleted after 2']);
    expect(reflector.cache.get(objectKey(namespace, 'before'))).toMatchObject({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'before' },
    });
    expect(reflector.cache.get(objectKey(namespace, 'before'))?.metadata).not.toHaveProperty('managedFields');
  });

  it('lists in pages and keeps an index', async () => {
    for (let i = 0; i < 7; i += 1) await put(`paged-${i}`, { value: String(i % 2) });
    const parity = createIndex<ConfigMap>((object) => object.data?.['value']);
    const { reflector } = reflect({ pageSize: 3, indexes: [parity] });
    await reflector.synced;
    expect([...reflector.cache.list()]).toHaveLength(7);
    expect(parity.sizeOf('0')).toBe(4);
    await set('paged-0', '1');
    await eventuallyTrue('the index moves it', () => parity.sizeOf('0') === 3 && parity.sizeOf('1') === 4);
  });

  it('resumes without a list when its connections are cut every 200 ms', async () => {
    const { reflector, deltas, count } = reflect();
    await reflector.synced;
    const cutting = setInterval(() => proxy.cutAll(), 200);
    try {
      for (let i = 0; i < 60; i += 1) {
        await put(`cut-${i}`);
        if (i % 2 === 0) await set(`cut-${i}`, 'changed');
        if (i % 3 === 0) await remove(`cut-${i}`);
      }
      await eventuallyTrue('ten connections were cut', () => count('watch-ended') >= 10);
      await eventuallyTrue('the cache is current', () => isCurrent(reflector));
    } finally {
      clearInterval(cutting);
    }
    expect(count('listed')).toBe(1);
    expect(replay(deltas)).toEqual(versions(reflector.cache.list()));
  });

  it('reconnects when the peer is dead without a reset', async () => {
    const { reflector, events, count } = reflect({ timing: { idleLimit: seconds(1) } });
    await reflector.synced;
    await eventuallyTrue('it watches', () => count('watch-opened') > 0);
    proxy.mode = 'stall';
    await put('unheard');
    await eventuallyTrue('it notices', () =>
      events.some((event) => event.type === 'watch-ended' && event.reason === 'API_TIMEOUT'),
    );
    proxy.mode = 'pass';
    await eventuallyTrue('the cache is current', () => isCurrent(reflector));
    expect(count('listed')).toBe(1);
  });

  it('retries while the first list fails', async () => {
    proxy.mode = 'refuse';
    proxy.cutAll();
    await put('patient');
    const { reflector, count } = reflect();
    await eventuallyTrue('it tries again', () => count('retry') >= 3);
    expect(reflector.cache.synced).toBe(false);
    expect(reflector.lastError).toMatchObject({ code: 'API_UNREACHABLE' });
    const hasty = waitForSync([reflector], { clock: systemClock, timeout: milliseconds(1) });
    await expect(hasty).rejects.toMatchObject({ code: 'CACHE_NOT_SYNCED' });
    proxy.mode = 'pass';
    await waitForSync([reflector], { clock: systemClock, timeout: seconds(60) });
    expect(reflector.cache.get(objectKey(namespace, 'patient'))).toBeDefined();
    expect(reflector.lastError).toBeUndefined();
  });

  it('survives a kill and restart of the API server while 200 objects change', async () => {
    const { reflector, deltas } = reflect();
    await reflector.synced;
    const change = async (from: number, to: number): Promise<void> => {
      for (let i = from; i < to; i += 1) {
        await put(`survivor-${i}`);
        if (i % 2 === 0) await set(`survivor-${i}`, 'changed');
        if (i % 4 === 0) await remove(`survivor-${i}`);
      }
    };
    await change(0, 100);
    await controlPlane.killApiServer();
    await controlPlane.startApiServer();
    await change(100, 200);
    await eventuallyTrue('the cache is current', () => isCurrent(reflector));
    expect([...reflector.cache.list()]).toHaveLength(150);
    expect(replay(deltas)).toEqual(versions(reflector.cache.list()));
  });

  it('lists once when its resource version is gone, and distinguishes a recreated object', async () => {
    await put('reborn', { value: 'old' });
    await put('gone');
    const { reflector, deltas, events, count } = reflect();
    await reflector.synced;
    await eventuallyTrue('it watches', () => count('watch-opened') > 0);
    proxy.mode = 'refuse';
    proxy.cutAll();
    await remove('gone');
    await remove('reborn');
    await put('reborn', { value: 'new' });
    // A restarted API server has no changes from before its start.
    await controlPlane.killApiServer();
    await controlPlane.startApiServer();
    proxy.mode = 'pass';
    await eventuallyTrue('it hears that its version is gone', () =>
      events.some((event) => event.type === 'watch-ended' && event.reason === 'API_GONE'),
    );
    await eventuallyTrue('the cache is current', () => isCurrent(reflector));
    expect(count('listed')).toBe(2);
    const seen = deltas
      .slice(deltas.findIndex((delta) => delta.type === 'synced') + 1)
      .map((delta) =>
        delta.type === 'synced' ? '' : `${delta.type} ${delta.object.data?.['value'] ?? 'nothing'}`,
      );
    expect(seen.sort()).toEqual(['added new', 'deleted nothing', 'deleted old']);
    await put('onward');
    await eventuallyTrue('it continues to watch', () => isCurrent(reflector));
    expect(count('listed')).toBe(2);
  });

  it('continues when a handler throws or rejects', async () => {
    const failing = (delta: Delta<ConfigMap>): unknown => {
      if (delta.type === 'added') throw new Error('thrown on purpose');
      return Promise.reject(new Error('rejected on purpose'));
    };
    const { reflector, count, logger } = reflect();
    reflector.subscribe(failing);
    await reflector.synced;
    await put('first');
    await set('first', 'x');
    await eventuallyTrue('all three failed', () => count('handler-failed') === 3);
    await eventuallyTrue('the cache is current', () => isCurrent(reflector));
    expect(logger.lines.filter((line) => line.level === 'error')).toHaveLength(3);
  });

  it('lists again periodically', async () => {
    const { reflector, count } = reflect({ timing: { relistEvery: seconds(0.2) } });
    await eventuallyTrue('it has listed three times', () => count('listed') >= 3);
    await put('still');
    await eventuallyTrue('the cache is current', () => isCurrent(reflector));
  });

  it('opens no watch when it is stopped during the list', async () => {
    proxy.mode = 'stall';
    proxy.cutAll();
    const { reflector, events, deltas } = reflect();
    await eventuallyTrue('the list is under way', () => proxy.open > 0);
    const stopped = reflector.stop();
    proxy.mode = 'pass';
    await stopped;
    await expect(reflector.synced).rejects.toMatchObject({ code: 'REFLECTOR_STOPPED' });
    expect(events.filter((event) => event.type === 'watch-opened')).toEqual([]);
    expect(deltas).toEqual([]);
  });

  it('leaves no connection open', async () => {
    await remote.close();
    await eventuallyTrue('none is left of before', () => proxy.open === 0);
    remote = clientFor(controlPlane, { port: proxy.port });
    const { reflector, count } = reflect();
    await eventuallyTrue('it watches', () => count('watch-opened') > 0);
    await reflector.stop();
    await remote.close();
    await eventuallyTrue('all are closed', () => proxy.open === 0);
    remote = clientFor(controlPlane, { port: proxy.port });
  });

  it('waits for a kind that is not defined yet', async () => {
    const events: ReflectorEvent[] = [];
    const reflector = startReflector({
      client: remote,
      resource: TRAINED_MODELS,
      clock: systemClock,
      random: Math.random,
      logger: recordingLogger(),
      observe: (event) => events.push(event),
    });
    try {
      await eventuallyTrue(
        'it tries again',
        () => events.filter((event) => event.type === 'retry').length >= 2,
      );
      expect(reflector.lastError).toMatchObject({ code: 'API_NOT_FOUND' });
      await client.create(CUSTOM_RESOURCE_DEFINITIONS, trainedModelDefinition());
      await reflector.synced;
      expect([...reflector.cache.list()]).toEqual([]);
    } finally {
      await reflector.stop();
    }
  });
});

function trainedModelDefinition() {
  const { group, version, plural, kind } = TRAINED_MODELS;
  const schema = {
    openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
  };
  return {
    metadata: { name: `${plural}.${group}` },
    spec: {
      group,
      scope: 'Namespaced',
      names: { plural, kind, singular: 'trainedmodel' },
      versions: [{ name: version, served: true, storage: true, schema }],
    },
  };
}
