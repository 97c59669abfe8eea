import { describe, expect, it } from '@jest/globals';
import type { ConfigMap } from '../../../../src/contract/kubernetes.ts';
import {
  decidePropagation,
  firstKnown,
  mountedVersion,
} from '../../../../src/controllers/propagation/model-config-propagation.decide.ts';
import type { ModelConfigVersion } from '../../../../src/controllers/propagation/model-config-propagation.decide.ts';
import type { WatchedPod } from '../../../../src/contract/watched-pod.ts';

const RUNNING: WatchedPod = {
  metadata: { name: 'p', namespace: 'default', uid: 'u' },
  inferenceService: 'sk',
  phase: 'Running',
  scheduled: true,
  ready: true,
  podIP: '10.0.0.1',
  configMaps: ['modelconfig-sk-0'],
  modelConfigVersion: undefined,
  agentStatusPort: 9082,
  agentPort: 9081,
};
const OLD = '7' as ModelConfigVersion;
const NEW = '9' as ModelConfigVersion;

function configMap(name: string, resourceVersion: string): ConfigMap {
  return { metadata: { name, namespace: 'default', resourceVersion } };
}

describe('whether a pod is annotated after a change of its ConfigMap: it', () => {
  const cases: [
    string,
    Partial<WatchedPod>,
    ModelConfigVersion | undefined,
    ModelConfigVersion | undefined,
    string,
  ][] = [
    ['mounted an older version', {}, NEW, OLD, 'annotate'],
    ['is unknown and has no annotation', {}, NEW, undefined, 'annotate'],
    ['is annotated with an older version', { modelConfigVersion: OLD }, NEW, OLD, 'annotate'],
    [
      'is not ready or not running yet, and kubelet may have mounted the older version',
      { ready: false, phase: 'Pending' },
      NEW,
      OLD,
      'annotate',
    ],
    ['mounted this version', {}, NEW, NEW, 'UpToDate'],
    ['was annotated with this version by another replica', { modelConfigVersion: NEW }, NEW, OLD, 'UpToDate'],
    [
      'was annotated by this replica, but the watch has not shown it yet',
      { modelConfigVersion: OLD },
      NEW,
      NEW,
      'UpToDate',
    ],
    ['mounts no ConfigMap of ours', {}, undefined, undefined, 'NotMounted'],
    ['has no node yet', { scheduled: false, phase: 'Pending' }, NEW, OLD, 'NotScheduled'],
    ['has succeeded', { phase: 'Succeeded' }, NEW, OLD, 'Finished'],
    ['has failed', { phase: 'Failed' }, NEW, OLD, 'Finished'],
    [
      'is being deleted',
      { metadata: { ...RUNNING.metadata, deletionTimestamp: '2026-01-01T00:00:00Z' } },
      NEW,
      OLD,
      'Finished',
    ],
  ];
  it.each(cases)('%s', (_what, change, version, known, wanted) => {
    const decision = decidePropagation({ pod: { ...RUNNING, ...change }, version, known });
    expect(decision).toEqual(
      wanted === 'annotate' ? { kind: 'annotate', version } : { kind: 'leave', reason: wanted },
    );
  });
});

describe('the version that a pod mounts', () => {
  it.each([
    ['one ConfigMap', ['modelconfig-sk-0'], '5'],
    ['several ConfigMaps, in order of their names', ['modelconfig-sk-1', 'modelconfig-sk-0'], '5.6'],
    ['a foreign ConfigMap', ['kube-root-ca.crt'], undefined],
    ['none', [], undefined],
  ])('%s', (_what, configMaps, wanted) => {
    const ours = [configMap('modelconfig-sk-1', '6'), configMap('modelconfig-sk-0', '5')];
    expect(mountedVersion({ ...RUNNING, configMaps }, ours)).toBe(wanted);
  });
});

describe('a pod that is seen for the first time', () => {
  it('counts as up to date without an annotation', () => {
    expect(firstKnown(RUNNING, NEW)).toBe(NEW);
  });
  it('is at the version of its annotation, because a change may have happened without a leader', () => {
    expect(firstKnown({ ...RUNNING, modelConfigVersion: OLD }, NEW)).toBe(OLD);
  });
  it('has no version while its ConfigMap is unknown', () => {
    expect(firstKnown(RUNNING, undefined)).toBeUndefined();
  });
});
