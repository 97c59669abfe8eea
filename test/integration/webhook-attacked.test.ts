import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { ControlPlane } from '../../src/development/controlplane/control-plane.ts';
import type { ApiClient } from '../../src/kube/api-client.ts';
import { reviewAt } from '../support/admission-review.ts';
import { clientFor } from '../support/api-access.ts';
import { createService, inferenceService, trainedModel } from '../support/cluster-client.ts';
import { testControlPlane } from '../support/control-plane.ts';
import { eventually, eventuallyTrue } from '../support/eventually.ts';
import { startTestManager } from '../support/manager.ts';
import type { TestManager } from '../support/manager.ts';
import { memoryCgroup } from '../support/memory-cgroup.ts';
import type { MemoryCgroup } from '../support/memory-cgroup.ts';
import { dryRunContainers, predictorPod } from '../support/predictor-pod.ts';
import { peakMib } from '../support/process-memory.ts';
import { quantile } from '../support/quantile.ts';
import { report } from '../support/report.ts';
import { shippedManager } from '../support/shipped-manager.ts';

const ATTACKER = fileURLToPath(new URL('../support/webhook-attacker.ts', import.meta.url));
const LIMIT_MIB = 512;
const HONEST_PODS = 60;

describe('a manager with the shipped limits, attacked by a caller without credentials', () => {
  let controlPlane: ControlPlane;
  let client: ApiClient;
  let manager: TestManager;
  let cgroup: MemoryCgroup | undefined;
  let calm: number;
  const attackers: ChildProcess[] = [];

  /** The times of pods created one after another. It throws when a pod is refused or gets no agent. */
  async function honestPods(count: number): Promise<number[]> {
    const times: number[] = [];
    for (let index = 0; index < count; index++) {
      const started = performance.now();
      expect(await dryRunContainers(client, predictorPod('honest', 'sk'))).toContain('agent');
      times.push(performance.now() - started);
    }
    return times;
  }

  async function attackWith(attack: string): Promise<ChildProcess> {
    const child = spawn(process.execPath, [ATTACKER, attack, String(manager.ports.webhook)], {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: { ...process.env, NODE_OPTIONS: '' },
    });
    attackers.push(child);
    await once(child.stdout, 'data');
    return child;
  }

  async function end(child: ChildProcess): Promise<void> {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGKILL');
    await once(child, 'exit');
  }

  /** The attack starts while the API server has connections; its next new one has to be accepted too. */
  async function survives(attack: string, underWay: () => Promise<boolean>): Promise<void> {
    const attacker = await attackWith(attack);
    try {
      await eventuallyTrue(`${attack} is under way`, underWay, 40_000);
      const p99 = quantile(await honestPods(HONEST_PODS), 0.99);
      const memory = cgroup === undefined ? await peakMib(manager.pid) : await cgroup.peakMib();
      report(`pods during the attack ${attack}`, { calm, p99, times: p99 / calm, memory });
      // The 99th percentile: calm is about 40 ms, and a busy machine alone may take more than ten times that.
      expect(p99).toBeLessThanOrEqual(Math.max(10 * calm, 1_000));
      expect(memory).toBeLessThan(LIMIT_MIB);
      expect(manager.ended()).toBe(false);
      expect(await manager.ready()).toBe(true);
    } finally {
      await end(attacker);
    }
  }

  beforeAll(async () => {
    controlPlane = await testControlPlane();
    client = clientFor(controlPlane);
    cgroup = await memoryCgroup(LIMIT_MIB);
    const { environment } = await shippedManager();
    manager = await startTestManager({
      ...{ kubeconfig: controlPlane.kubeconfigPath, env: environment, waitUntilReady: false },
    });
    await cgroup?.add(manager.pid);
    await eventually(async () => expect(await manager.ready()).toBe(true));
    await createService(client, inferenceService('sk'));
    await createService(client, inferenceService('single', { sklearn: { storageUri: 's3://b/m' } }));
    await eventually(() => honestPods(1));
    await honestPods(HONEST_PODS);
    calm = quantile(await honestPods(HONEST_PODS), 0.99);
  });

  afterAll(async () => {
    await Promise.all(attackers.map(end));
    await manager.stop();
    await cgroup?.remove();
    await client.close();
    await controlPlane.stop();
  });

  it('serves during bodies of millions of values', () =>
    survives(
      'values',
      async () => (await manager.metric('mms_admission_duration_seconds_count', { outcome: 'denied' })) > 3,
    ));

  it('serves during 80 slow senders of bodies of 3.5 MiB', () =>
    survives('slow', async () => (await manager.metric('mms_webhook_held_bytes')) > 24 * 1024 * 1024));

  const held = () => manager.metric('mms_webhook_held_bytes');
  const connections = () => manager.metric('mms_webhook_connections');
  const closed = (reason: string) => manager.metric('mms_webhook_connections_closed_total', { reason });

  it.each([
    [
      '300 senders send bodies in pieces of 4 KiB, one every 20 ms',
      'pieces',
      async () => (await held()) > 24 * 1024 * 1024,
    ],
    [
      '80 senders send bodies in pieces of 64 KiB, one every 20 ms',
      'large-pieces',
      async () => (await held()) > 24 * 1024 * 1024,
    ],
    [
      '64 callers complete TLS handshakes and close, repeatedly',
      'handshakes',
      async () => (await connections()) > 10,
    ],
    ['1,500 senders send heads in pieces of one byte', 'heads', async () => (await connections()) > 500],
    ['1,500 senders send bodies in pieces of one byte', 'crumbs', async () => (await connections()) > 500],
    [
      '64 senders send fifty requests at once and wait for no answer',
      'in-advance',
      async () => (await closed('pipelined')) > 500,
    ],
  ])('serves while %s', (_, attack, underWay) => survives(attack, underWay));

  it('serves during 4,096 connections without a request, and logs them', async () => {
    await survives('idle', async () => (await closed('silent')) > 100);
    expect(await manager.metric('mms_webhook_connections')).toBeLessThanOrEqual(2000);
    expect(manager.log()).toContain('there are too many connections');
  });

  it('reveals no InferenceService and no memory, because any caller may ask', async () => {
    for (const owner of ['sk', 'nobody']) {
      const { response } = await reviewAt(manager.ports.webhook, trainedModel('m', owner), {
        kind: 'TrainedModel',
      });
      expect(response).toEqual({ uid: response.uid, allowed: true });
    }
    const answers = await Promise.all(
      ['nobody', 'single'].map(async (owner) => {
        const { response } = await reviewAt(manager.ports.webhook, predictorPod('p', owner));
        return { ...response, uid: '', patch: '' };
      }),
    );
    expect(answers[0]).toEqual(answers[1]);
  });

  it('leaks no listener on any connection', () => {
    expect(manager.log()).not.toContain('MaxListenersExceededWarning');
  });
});
