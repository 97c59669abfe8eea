import { describe, expect, it } from '@jest/globals';
import type { ConfigMap } from '../../../../src/contract/kubernetes.ts';
import { decidePropagation, firstKnown, mountedVersion } from '../../../../src/controllers/propagation/model-config-propagation.decide.ts';
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

describe('whether a pod is told of a changed ConfigMap', () => {
  const cases: [
    string,
    Partial<WatchedPod>,
    ModelConfigVersion | undefined,
    ModelConfigVersion | undefined,
    string,
  ][] = [
    ['mounted an older one', {}, NEW, OLD, 'annotate'],
    ['is not known and says nothing', {}, NEW, undefined, 'annotate'],
    ['is annotated with an older one', { modelConfigVersion: OLD }, NEW, OLD, 'annotate'],
    [
      'is unready or not running yet: kubelet may have mounted it',
      { ready: false, phase: 'Pending' },
      NEW,
      OLD,
      'annotate',
    ],
    ['mounted this one', {}, NEW, NEW, 'UpToDate'],
    ['was told of this one by another replica', { modelConfigVersion: NEW }, NEW, OLD, 'UpToDate'],
    [
      'was told by us, though the watch has not shown it yet',
      { modelConfigVersion: OLD },
      NEW,
      NEW,
      'UpToDate',
    ],
    ['mounts none of ours', {}, undefined, undefined, 'NotMounted'],
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
    ['several, in the order of their names', ['modelconfig-sk-1', 'modelconfig-sk-0'], '5.6'],
    ['one that is not ours', ['kube-root-ca.crt'], undefined],
    ['none', [], undefined],
  ])('%s', (_what, configMaps, wanted) => {
    const ours = [configMap('modelconfig-sk-1', '6'), configMap('modelconfig-sk-0', '5')];
    expect(mountedVersion({ ...RUNNING, configMaps }, ours)).toBe(wanted);
  });
});

describe('a pod that is seen for the first time', () => {
  it('is taken for up to date when it carries no annotation', () => {
    expect(firstKnown(RUNNING, NEW)).toBe(NEW);
  });
  it('is taken at its annotation: a change may have gone by while nobody led', () => {
    expect(firstKnown({ ...RUNNING, modelConfigVersion: OLD }, NEW)).toBe(OLD);
  });
  it('is not known as long as its ConfigMap is not', () => {
    expect(firstKnown(RUNNING, undefined)).toBeUndefined();
  });
});
