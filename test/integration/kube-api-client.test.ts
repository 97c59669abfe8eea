import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { seconds } from '../../src/lib/clock.ts';
import type { ConfigMap } from '../../src/contract/kubernetes.ts';
import type { ControlPlane } from '../../src/development/controlplane/control-plane.ts';
import type { ApiClient } from '../../src/kube/api-client.ts';
import { CONFIG_MAPS, NAMESPACES, PODS } from '../../src/kube/resources.ts';
import type { RequestEvent } from '../../src/kube/transport.ts';
import { clientFor, kubeConfigFor } from '../support/api-access.ts';
import { testControlPlane } from '../support/control-plane.ts';
import { eventuallyTrue } from '../support/eventually.ts';
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.ts';
import { watchUnhandled } from '../support/unhandled.ts';

describe('the API client, against a real API server', () => {
  const unhandled = watchUnhandled();
  const events: RequestEvent[] = [];
  let controlPlane: ControlPlane;
  let client: ApiClient;

  beforeAll(async () => {
    controlPlane = await testControlPlane({
      users: [{ name: 'stranger', token: 'stranger-token', groups: [] }],
    });
    client = clientFor(controlPlane, { observe: (event) => events.push(event) });
  });

  afterAll(async () => {
    await client.close();
    await controlPlane.stop();
    unhandled.stop();
    expect(unhandled.seen).toEqual([]);
  });

  const cleanups: (() => Promise<void>)[] = [];
  afterEach(async () => {
    for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
  });

  async function remoteClient(timeout = seconds(30)): Promise<{ proxy: TcpProxy; remote: ApiClient }> {
    const proxy = await startTcpProxy(Number(new URL(controlPlane.server).port));
    const remote = clientFor(controlPlane, { port: proxy.port, timeout });
    cleanups.push(
      () => proxy.close(),
      () => remote.close(),
    );
    return { proxy, remote };
  }

  const configMap = (name: string, data: Record<string, string> = {}): ConfigMap => ({
    metadata: { name, namespace: 'default' },
    data,
  });
  const reference = (name: string) => ({ namespace: 'default', name });

  it('creates, reads, replaces and deletes', async () => {
    const created = await client.create(CONFIG_MAPS, configMap('crud', { a: '1' }));
    expect(created).toMatchObject({ apiVersion: 'v1', kind: 'ConfigMap', data: { a: '1' } });
    await client.replace(CONFIG_MAPS, { ...created, data: { a: '2' } });
    expect(await client.get(CONFIG_MAPS, reference('crud'))).toMatchObject({ data: { a: '2' } });
    await client.delete(CONFIG_MAPS, reference('crud'));
    await expect(client.get(CONFIG_MAPS, reference('crud'))).rejects.toMatchObject({
      code: 'API_NOT_FOUND',
      status: 404,
      reason: 'NotFound',
      retryable: false,
    });
  });

  it('patches by merge, by JSON patch and by server-side apply', async () => {
    await client.create(CONFIG_MAPS, configMap('patched', { a: '1', b: '1' }));
    const merged = await client.patch(CONFIG_MAPS, reference('patched'), {
      type: 'merge',
      body: { data: { a: null, c: '1' } },
    });
    expect(merged.data).toEqual({ b: '1', c: '1' });
    const edited = await client.patch(CONFIG_MAPS, reference('patched'), {
      type: 'json',
      body: [{ op: 'replace', path: '/data/b', value: '2' }],
    });
    expect(edited.data).toEqual({ b: '2', c: '1' });
    const apply = { type: 'apply', fieldManager: 'test', body: configMap('patched', { b: '3' }) } as const;
    await expect(
      client.patch(CONFIG_MAPS, reference('patched'), { ...apply, force: false }),
    ).rejects.toMatchObject({ code: 'API_CONFLICT', retryable: true });
    const applied = await client.patch(CONFIG_MAPS, reference('patched'), { ...apply, force: true });
    expect(applied.data).toEqual({ b: '3', c: '1' });
  });

  it('stores nothing in a dry run', async () => {
    await client.create(CONFIG_MAPS, configMap('dry'), { dryRun: true });
    await expect(client.get(CONFIG_MAPS, reference('dry'))).rejects.toMatchObject({ code: 'API_NOT_FOUND' });
  });

  it('distinguishes a conflict from a name that is taken', async () => {
    const first = await client.create(CONFIG_MAPS, configMap('race'));
    await expect(client.create(CONFIG_MAPS, configMap('race'))).rejects.toMatchObject({
      code: 'API_ALREADY_EXISTS',
      status: 409,
    });
    await client.replace(CONFIG_MAPS, { ...first, data: { won: 'yes' } });
    await expect(client.replace(CONFIG_MAPS, first)).rejects.toMatchObject({
      code: 'API_CONFLICT',
      status: 409,
    });
  });

  it('deletes only the object with the given uid', async () => {
    const created = await client.create(CONFIG_MAPS, configMap('precious'));
    const wrong = { preconditions: { uid: '00000000-0000-0000-0000-000000000000' } };
    await expect(client.delete(CONFIG_MAPS, reference('precious'), wrong)).rejects.toMatchObject({
      code: 'API_CONFLICT',
    });
    const right = { preconditions: { uid: created.metadata.uid! }, propagationPolicy: 'Background' as const };
    await expect(client.delete(CONFIG_MAPS, reference('precious'), right)).resolves.toBeUndefined();
  });

  it('lists in pages, in one namespace or in all', async () => {
    await client.create(NAMESPACES, { metadata: { name: 'paged' } });
    for (const name of ['a', 'b', 'c']) {
      await client.create(CONFIG_MAPS, { metadata: { name, namespace: 'paged' } });
    }
    const first = await client.list(CONFIG_MAPS, { namespace: 'paged', limit: 2 });
    const second = await client.list(CONFIG_MAPS, {
      namespace: 'paged',
      limit: 2,
      continue: first.metadata.continue!,
    });
    const names = [...first.items, ...second.items].map((item) => item.metadata.name);
    expect(names).toEqual(['a', 'b', 'c']);
    expect(second.metadata.continue ?? '').toBe('');
    const selected = await client.list(CONFIG_MAPS, { fieldSelector: 'metadata.name=b' });
    expect(selected.items.map((item) => item.metadata.namespace)).toEqual(['paged']);
  });

  it('passes on the causes of a validation error', async () => {
    await expect(client.create(CONFIG_MAPS, configMap('Not_A_Name'))).rejects.toMatchObject({
      code: 'API_INVALID',
      retryable: false,
      details: { causes: [{ field: 'metadata.name' }] },
    });
    await expect(
      client.create(PODS, { metadata: { name: 'empty', namespace: 'default' } }),
    ).rejects.toMatchObject({
      code: 'API_INVALID',
    });
  });

  it.each(['', '.', '..', 'a/b', '../../kube-system/configmaps/x', 'a%2fb'])(
    'refuses the name %j, which would address another path',
    async (name) => {
      await expect(client.delete(CONFIG_MAPS, reference(name))).rejects.toMatchObject({
        code: 'API_INVALID_NAME',
        retryable: false,
      });
    },
  );

  it.each([
    ['an unknown token', 'wrong-token', 'API_UNAUTHORIZED', 401],
    ['a user without rights', 'stranger-token', 'API_FORBIDDEN', 403],
  ])('reports %s', async (_what, token, code, status) => {
    const kubeConfig = kubeConfigFor(controlPlane);
    kubeConfig.users = kubeConfig.users.map((user) => ({ ...user, token }));
    const stranger = clientFor(controlPlane, { kubeConfig });
    cleanups.push(() => stranger.close());
    await expect(stranger.get(CONFIG_MAPS, reference('x'))).rejects.toMatchObject({ code, status });
  });

  it('reports credentials that cannot be loaded', async () => {
    const kubeConfig = kubeConfigFor(controlPlane);
    const exec = { apiVersion: 'client.authentication.k8s.io/v1', command: '/nowhere/at/all' };
    kubeConfig.users = [{ name: kubeConfig.getCurrentUser()!.name, exec }];
    const broken = clientFor(controlPlane, { kubeConfig });
    cleanups.push(() => broken.close());
    await expect(broken.get(CONFIG_MAPS, reference('x'))).rejects.toMatchObject({
      code: 'API_CREDENTIALS',
      retryable: true,
    });
  });

  it('distinguishes an unreachable server, a timeout and an aborted request', async () => {
    const { proxy, remote } = await remoteClient(seconds(0.3));
    proxy.mode = 'refuse';
    await expect(remote.get(CONFIG_MAPS, reference('x'))).rejects.toMatchObject({ code: 'API_UNREACHABLE' });
    proxy.mode = 'stall';
    const startedAt = performance.now();
    await expect(remote.get(CONFIG_MAPS, reference('x'))).rejects.toMatchObject({ code: 'API_TIMEOUT' });
    // Without our deadline, undici would wait 10 s to connect.
    expect(performance.now() - startedAt).toBeLessThan(5_000);
    const signal = AbortSignal.abort();
    await expect(remote.get(CONFIG_MAPS, reference('x'), { signal })).rejects.toMatchObject({
      code: 'API_ABORTED',
      retryable: false,
    });
  });

  it('reuses its connections', async () => {
    const { proxy, remote } = await remoteClient();
    for (let i = 0; i < 20; i += 1) await remote.get(NAMESPACES, { name: 'default' });
    // The pool opens a second connection when the first is not free yet.
    expect(proxy.accepted).toBeLessThanOrEqual(2);
  });

  it('serves concurrent requests before it has any connection', async () => {
    const { remote } = await remoteClient();
    const all = Array.from({ length: 20 }, () => remote.get(NAMESPACES, { name: 'default' }));
    expect(await Promise.all(all)).toHaveLength(20);
  });

  it('makes no request once closed', async () => {
    const { proxy, remote } = await remoteClient();
    await remote.get(NAMESPACES, { name: 'default' });
    await remote.close();
    await expect(remote.get(NAMESPACES, { name: 'default' })).rejects.toMatchObject({
      code: 'API_CREDENTIALS',
    });
    await eventuallyTrue('the connections are closed', () => proxy.open === 0);
  });

  it('counts each request by verb, resource and outcome', () => {
    const counted = new Set(events.map((event) => `${event.verb} ${event.resource} ${event.code}`));
    for (const expected of ['create configmaps 201', 'update configmaps 409', 'get configmaps 404']) {
      expect(counted).toContain(expected);
    }
  });
});
