import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { milliseconds, seconds } from '../../src/lib/clock.ts';
import type { ControlPlane } from '../../src/development/controlplane/control-plane.ts';
import type { ApiClient } from '../../src/kube/api-client.ts';
import {
  startLeaderElection,
  type LeaderElection,
  type LeaderElectionOptions,
} from '../../src/kube/leader-election.ts';
import { LEASES, type Lease } from '../../src/kube/resources.ts';
import { clientFor } from '../support/api-access.ts';
import { systemClock } from '../../src/lib/system-clock.ts';
import { testControlPlane } from '../support/control-plane.ts';
import { eventuallyTrue } from '../support/eventually.ts';
import { recordingLogger } from '../support/logs.ts';
import { SHORT_DURATIONS } from '../support/short-durations.ts';
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.ts';
import { watchUnhandled } from '../support/unhandled.ts';

describe('leader election, with leases of a real API server', () => {
  const unhandled = watchUnhandled();
  let controlPlane: ControlPlane;
  let client: ApiClient;
  let proxy: TcpProxy;
  let partitioned: ApiClient;
  let name = '';
  let leases = 0;
  let history: string[] = [];
  let cleanups: (() => unknown)[] = [];

  beforeAll(async () => {
    controlPlane = await testControlPlane();
    client = clientFor(controlPlane);
    proxy = await startTcpProxy(Number(new URL(controlPlane.server).port));
    partitioned = clientFor(controlPlane, { port: proxy.port });
  });

  afterEach(async () => {
    proxy.mode = 'pass';
    for (const cleanup of cleanups) await cleanup();
    cleanups = [];
    history = [];
  });

  afterAll(async () => {
    await partitioned.close();
    await client.close();
    await proxy.close();
    await controlPlane.stop();
    unhandled.stop();
    expect(unhandled.seen).toEqual([]);
  });

  function newLease(): void {
    leases += 1;
    name = `lease-${leases}`;
  }

  function elect(identity: string, options: Partial<LeaderElectionOptions> = {}): LeaderElection {
    const election = startLeaderElection({
      client,
      namespace: 'default',
      name,
      identity,
      clock: systemClock,
      random: Math.random,
      logger: recordingLogger(),
      durations: SHORT_DURATIONS,
      onStartedLeading: () => void history.push(`${identity} starts`),
      onStoppedLeading: () => void history.push(`${identity} stops`),
      ...options,
    });
    cleanups.push(() => election.stop());
    return election;
  }

  const lease = (): Promise<Lease> => client.get(LEASES, { namespace: 'default', name });

  it('has one leader, which renews the lease', async () => {
    newLease();
    const first = elect('a');
    await eventuallyTrue('a leads', () => first.isLeader());
    const second = elect('b');
    const before = (await lease()).spec!;
    expect(before).toMatchObject({ holderIdentity: 'a', leaseDurationSeconds: 4, leaseTransitions: 0 });
    await eventuallyTrue('the lease outlives its duration', async () => {
      const { spec } = await lease();
      return Date.parse(spec!.renewTime!) - Date.parse(before.renewTime!) > SHORT_DURATIONS.lease;
    });
    expect([first.isLeader(), second.isLeader()]).toEqual([true, false]);
    expect((await lease()).spec?.acquireTime).toBe(before.acquireTime);
    expect(history).toEqual(['a starts']);
  });

  it('hands over at once when the leader stops', async () => {
    newLease();
    const first = elect('a');
    await eventuallyTrue('a leads', () => first.isLeader());
    // b waits for the lease long enough that the test would fail if a did not release it.
    const second = elect('b');
    await first.stop();
    expect(first.isLeader()).toBe(false);
    expect((await lease()).spec).toMatchObject(
      second.isLeader() ? { holderIdentity: 'b' } : { leaseDurationSeconds: expect.any(Number) },
    );
    await eventuallyTrue('b leads', () => second.isLeader());
    expect((await lease()).spec).toMatchObject({ holderIdentity: 'b', leaseTransitions: 1 });
    expect(history).toEqual(['a starts', 'a stops', 'b starts']);
  });

  it("releases the lease only after the leader's work has ended", async () => {
    newLease();
    const work = Promise.withResolvers<undefined>();
    const first = elect('a', {
      onStoppedLeading: async () => {
        history.push((await lease()).spec?.holderIdentity ?? '');
        await work.promise;
        history.push((await lease()).spec?.holderIdentity ?? '');
      },
    });
    await eventuallyTrue('a leads', () => first.isLeader());
    const stopped = first.stop();
    await eventuallyTrue('the work is notified', () => history.length === 2);
    work.resolve(undefined);
    await stopped;
    expect(history).toEqual(['a starts', 'a', 'a']);
    expect((await lease()).spec?.holderIdentity ?? '').toBe('');
  });

  it('replaces a killed leader', async () => {
    newLease();
    const script = new URL('../support/elector-process.ts', import.meta.url).pathname;
    const child = spawn(process.execPath, [script, controlPlane.kubeconfigPath, name, 'a'], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    cleanups.push(() => child.kill('SIGKILL'));
    await once(child.stdout, 'data');
    const second = elect('b');
    expect((await lease()).spec?.holderIdentity).toBe('a');
    child.kill('SIGKILL');
    await eventuallyTrue('b leads', () => second.isLeader());
    expect((await lease()).spec).toMatchObject({ holderIdentity: 'b', leaseTransitions: 1 });
  });

  it.each(['refuse', 'stall'] as const)(
    'stops leading before another candidate can start when the network does %s',
    async (mode) => {
      newLease();
      let signal: AbortSignal | undefined;
      const first = elect('a', {
        client: partitioned,
        onStartedLeading: (given) => {
          signal = given;
          history.push('a starts');
        },
      });
      await eventuallyTrue('a leads', () => first.isLeader());
      const second = elect('b', {
        onStartedLeading: () => {
          history.push(`b starts, the signal of a ${signal?.aborted === true ? 'has aborted' : 'is live'}`);
          expect(first.isLeader()).toBe(false);
        },
      });
      proxy.mode = mode;
      proxy.cutAll();
      await eventuallyTrue('b leads', () => second.isLeader());
      expect(history).toEqual(['a starts', 'a stops', 'b starts, the signal of a has aborted']);
      proxy.mode = 'pass';
      proxy.cutAll();
      await second.stop();
      await eventuallyTrue('a leads again', () => first.isLeader());
      expect(history.slice(3)).toEqual(['b stops', 'a starts']);
    },
  );

  it('keeps leading when only its connection dies', async () => {
    newLease();
    const first = elect('a', { client: partitioned });
    await eventuallyTrue('a leads', () => first.isLeader());
    // Open connections stay dead; new ones work.
    proxy.mode = 'stall';
    proxy.mode = 'pass';
    const stalledAt = Date.now();
    await eventuallyTrue('a renews', async () => Date.parse((await lease()).spec!.renewTime!) > stalledAt);
    expect(history).toEqual(['a starts']);
  });

  it('stops leading when another candidate took the lease', async () => {
    newLease();
    const first = elect('a');
    await eventuallyTrue('a leads', () => first.isLeader());
    const spec = { holderIdentity: 'usurper', leaseDurationSeconds: 1 };
    await client.patch(LEASES, { namespace: 'default', name }, { type: 'merge', body: { spec } });
    await eventuallyTrue('a stops', () => history.includes('a stops'));
    await eventuallyTrue('a leads again once that lease is over', () => first.isLeader());
    expect((await lease()).spec?.leaseTransitions).toBe(1);
  });

  it('recreates a deleted lease', async () => {
    newLease();
    const first = elect('a');
    await eventuallyTrue('a leads', () => first.isLeader());
    await client.delete(LEASES, { namespace: 'default', name });
    await eventuallyTrue('the lease is back', async () =>
      (await client.list(LEASES, { namespace: 'default' })).items.some((item) => item.metadata.name === name),
    );
    expect(first.isLeader()).toBe(true);
  });

  it('survives callbacks that throw', async () => {
    newLease();
    const logger = recordingLogger();
    const fail = (): never => {
      throw new Error('on purpose');
    };
    const first = elect('a', { onStartedLeading: fail, onStoppedLeading: fail, logger });
    await eventuallyTrue('a leads', () => first.isLeader());
    await first.stop();
    expect(logger.lines.filter((line) => line.level === 'error')).toHaveLength(2);
  });

  it.each([
    [
      'a renewDeadline as long as the lease',
      { lease: seconds(2), renewDeadline: seconds(2), retryPeriod: seconds(1) },
    ],
    [
      'a lease of half seconds',
      { lease: milliseconds(1500), renewDeadline: seconds(1), retryPeriod: seconds(0.5) },
    ],
  ])('refuses %s', (_what, durations) => {
    expect(() => elect('a', { durations })).toThrow(RangeError);
  });
});
