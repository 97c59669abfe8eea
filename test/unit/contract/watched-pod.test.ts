import { describe, expect, it } from '@jest/globals';
import type { KubernetesObject } from '../../../src/contract/kubernetes.ts';
import { isSameReplica, keyOfWatchedPod, watchedPod } from '../../../src/contract/watched-pod.ts';

const METADATA = { name: 'p', namespace: 'ns', uid: 'u', resourceVersion: '3' };

function seen(pod: object): ReturnType<typeof watchedPod> {
  return watchedPod({ metadata: METADATA, ...pod });
}

describe('the fields kept of a pod', () => {
  it('are those that are used', () => {
    const pod = watchedPod({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: {
        ...METADATA,
        creationTimestamp: '2026-01-01T00:00:00Z',
        labels: { 'serving.kserve.io/inferenceservice': 'sk', other: 'x' },
        annotations: { 'kserve-mms/model-config-version': '12', other: 'x' },
      },
      spec: {
        nodeName: 'node-1',
        volumes: [
          { name: 'model-dir', emptyDir: {} },
          { name: 'model-config', configMap: { name: 'modelconfig-sk-0' } },
        ],
        containers: [{ name: 'kserve-container' }, { name: 'agent', args: ['--enable-puller'] }],
      },
      status: {
        phase: 'Running',
        podIP: '10.0.0.7',
        conditions: [
          { type: 'PodScheduled', status: 'True' },
          { type: 'Ready', status: 'True' },
        ],
      },
    } as KubernetesObject);
    expect(pod).toEqual({
      metadata: METADATA,
      inferenceService: 'sk',
      phase: 'Running',
      scheduled: true,
      ready: true,
      podIP: '10.0.0.7',
      configMaps: ['modelconfig-sk-0'],
      modelConfigVersion: '12',
      agentStatusPort: 9082,
      agentPort: 9081,
    });
    expect(keyOfWatchedPod(pod)).toBe('ns/sk');
  });

  it.each([
    ['no agent', [{ name: 'kserve-container' }], undefined],
    ['no arguments', [{ name: 'agent' }], 9082],
    ['the flag and its value', [{ name: 'agent', args: ['--status-port', '7000'] }], 7000],
    ['both in one argument', [{ name: 'agent', args: ['--status-port=7001'] }], 7001],
    ['not a number', [{ name: 'agent', args: ['--status-port', 'x'] }], undefined],
    ['nothing after the flag', [{ name: 'agent', args: ['--status-port'] }], undefined],
    ["another container's flag", [{ name: 'other', args: ['--status-port=7001'] }, { name: 'agent' }], 9082],
  ])('the status port of the agent: %s', (_what, containers, wanted) => {
    expect(seen({ spec: { containers } }).agentStatusPort).toBe(wanted);
  });

  it.each([
    ['nothing but metadata', {}],
    ['fields of the wrong type', { spec: 'x', status: [1], containers: null }],
    ['lists of the wrong type', { spec: { containers: {}, volumes: 'x' }, status: { conditions: 7 } }],
    ['members of the wrong type', { spec: { containers: [null], volumes: [3, { configMap: 'x' }] } }],
  ])('are empty for a pod with %s', (_what, pod) => {
    const kept = seen(pod);
    expect(kept).toMatchObject({ metadata: METADATA, configMaps: [], ready: false, scheduled: false });
    expect(keyOfWatchedPod(kept)).toBeUndefined();
  });
});

describe('the fields kept of a pod that a tenant made large', () => {
  const long = 'x'.repeat(250_000);
  const volume = (name: string) => ({ name, configMap: { name } });

  it('are little, however long its fields are', () => {
    const kept = watchedPod({
      metadata: {
        ...METADATA,
        labels: { 'serving.kserve.io/inferenceservice': 'sk' },
        annotations: { 'kserve-mms/model-config-version': long },
      },
      spec: {
        volumes: Array.from({ length: 5_000 }, (_, index) => [
          volume(`${'y'.repeat(240)}-${index}`),
          volume(`modelconfig-sk-${index}`),
        ]).flat(),
        containers: [{ name: 'agent' }],
      },
      status: { phase: long, podIP: long },
    } as KubernetesObject);
    expect(JSON.stringify(kept).length).toBeLessThan(2_000);
    expect(kept.configMaps.slice(0, 2)).toEqual(['modelconfig-sk-0', 'modelconfig-sk-1']);
    expect(kept.modelConfigVersion).toBeUndefined();
  });
});

describe('whether two states of a pod are the same replica', () => {
  const before = seen({ spec: { nodeName: 'n' }, status: { phase: 'Running', podIP: '10.0.0.7' } });

  it.each([
    ['another resourceVersion', { metadata: { ...before.metadata, resourceVersion: '4' } }, true],
    ['the config version written for its kubelet', { modelConfigVersion: '12' }, true],
    ['its readiness', { ready: true }, false],
    ['its address', { podIP: '10.0.0.8' }, false],
    ['its deletion', { metadata: { ...before.metadata, deletionTimestamp: '2026-01-01T00:00:00Z' } }, false],
    ['another pod of the same name', { metadata: { ...before.metadata, uid: 'v' } }, false],
  ])('when they differ in %s', (_what, change, same) => {
    expect(isSameReplica(before, { ...before, ...change })).toBe(same);
  });
});
