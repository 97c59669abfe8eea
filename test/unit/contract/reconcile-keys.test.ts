import { describe, expect, it } from '@jest/globals';
import { differsInStatusOnly } from '../../../src/contract/reconcile-keys.ts';
import type { TrainedModel } from '../../../src/contract/trained-model.ts';

type Change = Partial<TrainedModel['metadata']> & { readonly status?: Record<string, unknown> };

const model = ({ status, ...metadata }: Change = {}): TrainedModel => ({
  metadata: { name: 'm', namespace: 'ns', uid: 'u', generation: 1, resourceVersion: '7', ...metadata },
  ...(status === undefined ? {} : { status }),
});

/** Only the first two require no change of the ConfigMap, labels or finalizers. */
describe('whether a change of a TrainedModel affects only its status', () => {
  it.each([
    { name: 'a write of status', change: { resourceVersion: '8', status: { url: 'x' } }, only: true },
    { name: 'annotations', change: { annotations: { a: 'b' } }, only: true },
    {
      name: 'the residency annotation',
      change: { annotations: { 'kserve-mms/residency': 'always' } },
      only: false,
    },
    { name: 'another spec', change: { generation: 2 }, only: false },
    {
      name: 'the start of its deletion',
      change: { deletionTimestamp: '2026-01-01T00:00:00Z' },
      only: false,
    },
    { name: 'a new object with the same name', change: { uid: 'other' }, only: false },
    { name: 'a label', change: { labels: { a: 'b' } }, only: false },
    {
      name: "KServe's finalizer, added again",
      change: { finalizers: ['trainedmodel.finalizer'] },
      only: false,
    },
    { name: 'no generation to compare', change: { generation: undefined as never }, only: false },
  ])('$name', ({ change, only }) => {
    expect(differsInStatusOnly(model(change), model())).toBe(only);
  });
});
