import { describe, expect, it } from '@jest/globals';
import type { InferenceService } from '../../../src/contract/inference-service.ts';
import { kserveLeaseState, takeoverSteps } from '../../../src/contract/kserve-controller.ts';
import type { ObjectMeta } from '../../../src/contract/kubernetes.ts';

const ALLOCATED = 'serving.kserve.io/trainedmodel-allocated';
const DELETING = { deletionTimestamp: '2026-01-01T00:00:00Z' };
const KSERVES = { finalizers: ['trainedmodel.finalizer'] };
const LABELS = { inferenceservice: 'sk', [ALLOCATED]: 'sk' };

const service = (metadata: Partial<ObjectMeta> = {}): InferenceService => ({
  metadata: { name: 'sk', namespace: 'ns', ...metadata },
});
const model = (metadata: Partial<ObjectMeta> = {}) => ({
  metadata: { name: 'm', namespace: 'ns', resourceVersion: '7', ...metadata },
});

describe('taking over the work of KServe on a TrainedModel', () => {
  it.each([
    {
      name: "removes KServe's finalizer; the labels are already set",
      of: { ...KSERVES, labels: LABELS },
      patch: { finalizers: [] },
    },
    {
      name: 'keeps other finalizers',
      of: { finalizers: ['mine', 'trainedmodel.finalizer'], labels: LABELS },
      patch: { finalizers: ['mine'] },
    },
    {
      name: 'changes nothing when nothing is missing',
      of: { labels: { ...LABELS, own: 'label' } },
      patch: undefined,
    },
    { name: 'labels a new model', of: {}, patch: { labels: LABELS } },
    {
      name: 'sets the labels of the new InferenceService on a model that moved',
      of: { labels: { inferenceservice: 'old', [ALLOCATED]: 'old' } },
      patch: { labels: LABELS },
    },
    {
      name: 'removes the allocated label from a model without memory',
      of: { labels: LABELS },
      placed: [],
      patch: { labels: { [ALLOCATED]: null } },
    },
    {
      name: 'removes the finalizer of a model that is being deleted, and adds no labels',
      of: { ...KSERVES, ...DELETING },
      patch: { finalizers: [] },
    },
    {
      name: 'only removes the finalizer while the placement is undecided',
      of: KSERVES,
      placed: undefined,
      patch: { finalizers: [] },
    },
  ])('$name', ({ of, patch, ...rest }) => {
    const placed = 'placed' in rest ? rest.placed : ['m'];
    const steps = takeoverSteps({
      inferenceService: service(),
      trainedModels: [model(of)],
      placed: placed && new Set(placed),
    });
    const expected = {
      kind: 'TrainedModel',
      name: 'm',
      patch: { metadata: { resourceVersion: '7', ...patch } },
    };
    expect(steps).toEqual(patch === undefined ? [] : [expected]);
  });

  it('keeps the labels and removes the finalizer when the InferenceService does not exist', () => {
    const trainedModels = [model({ ...KSERVES, labels: LABELS })];
    const steps = takeoverSteps({ inferenceService: undefined, trainedModels, placed: new Set() });
    expect(steps.map(({ patch }) => patch.metadata)).toEqual([{ resourceVersion: '7', finalizers: [] }]);
  });

  it('adds no label for a name that is not a valid label value', () => {
    const inferenceService = service({ name: 'a'.repeat(64) });
    expect(takeoverSteps({ inferenceService, trainedModels: [model()], placed: new Set(['m']) })).toEqual([]);
  });

  it('handles models that are being deleted first', () => {
    const trainedModels = [model({ name: 'lives' }), model({ name: 'goes', ...KSERVES, ...DELETING })];
    const steps = takeoverSteps({ inferenceService: service(), trainedModels, placed: new Set() });
    expect(steps.map(({ name }) => name)).toEqual(['goes', 'lives']);
  });
});

describe("an InferenceService with KServe's finalizer", () => {
  const finalizers = ['inferenceservice.finalizers'];

  it('keeps it while it is not being deleted', () => {
    const inferenceService = service({ finalizers });
    expect(takeoverSteps({ inferenceService, trainedModels: [], placed: new Set() })).toEqual([]);
  });

  it('loses it when it is being deleted, before anything else is done', () => {
    const inferenceService = service({ finalizers, ...DELETING });
    const steps = takeoverSteps({ inferenceService, trainedModels: [model(KSERVES)], placed: undefined });
    expect(steps.map(({ kind, patch }) => [kind, patch.metadata.finalizers])).toEqual([
      ['InferenceService', []],
      ['TrainedModel', []],
    ]);
  });
});

describe("the holder of KServe's Lease", () => {
  it.each([
    { name: 'no Lease', spec: undefined, state: { kind: 'free' } },
    { name: 'released', spec: { holderIdentity: '' }, state: { kind: 'free' } },
    { name: 'ours', spec: { holderIdentity: 'we' }, state: { kind: 'ours' } },
    {
      name: "KServe's",
      spec: { holderIdentity: 'kserve', leaseDurationSeconds: 15 },
      state: { kind: 'held', holder: 'kserve', duration: 15_000 },
    },
  ])('$name', ({ spec, state }) => {
    expect(kserveLeaseState(spec, (holder) => holder === 'we')).toEqual(state);
  });
});
