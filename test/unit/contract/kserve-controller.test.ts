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

describe("what is done to a TrainedModel in KServe's place", () => {
  it.each([
    {
      name: "KServe's finalizer goes, the labels are there",
      of: { ...KSERVES, labels: LABELS },
      patch: { finalizers: [] },
    },
    {
      name: "somebody else's finalizer stays",
      of: { finalizers: ['mine', 'trainedmodel.finalizer'], labels: LABELS },
      patch: { finalizers: ['mine'] },
    },
    {
      name: 'nothing, when all is as it should be',
      of: { labels: { ...LABELS, own: 'label' } },
      patch: undefined,
    },
    { name: 'a new model is labelled', of: {}, patch: { labels: LABELS } },
    {
      name: 'one that moved gets the labels of its new InferenceService',
      of: { labels: { inferenceservice: 'old', [ALLOCATED]: 'old' } },
      patch: { labels: LABELS },
    },
    {
      name: 'one without memory loses the label that says it has some',
      of: { labels: LABELS },
      placed: [],
      patch: { labels: { [ALLOCATED]: null } },
    },
    {
      name: 'one that is being deleted is let go of, and not labelled',
      of: { ...KSERVES, ...DELETING },
      patch: { finalizers: [] },
    },
    {
      name: 'nothing was decided: only the finalizer goes',
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

  it('without its InferenceService it keeps its labels and loses the finalizer', () => {
    const trainedModels = [model({ ...KSERVES, labels: LABELS })];
    const steps = takeoverSteps({ inferenceService: undefined, trainedModels, placed: new Set() });
    expect(steps.map(({ patch }) => patch.metadata)).toEqual([{ resourceVersion: '7', finalizers: [] }]);
  });

  it('a name that cannot be the value of a label is not made one', () => {
    const inferenceService = service({ name: 'a'.repeat(64) });
    expect(takeoverSteps({ inferenceService, trainedModels: [model()], placed: new Set(['m']) })).toEqual([]);
  });

  it('those that are being deleted come first', () => {
    const trainedModels = [model({ name: 'lives' }), model({ name: 'goes', ...KSERVES, ...DELETING })];
    const steps = takeoverSteps({ inferenceService: service(), trainedModels, placed: new Set() });
    expect(steps.map(({ name }) => name)).toEqual(['goes', 'lives']);
  });
});

describe("an InferenceService with KServe's finalizer", () => {
  const finalizers = ['inferenceservice.finalizers'];

  it('keeps it while it lives', () => {
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

describe("who has KServe's Lease", () => {
  it.each([
    { name: 'no Lease', spec: undefined, state: { kind: 'free' } },
    { name: 'given back', spec: { holderIdentity: '' }, state: { kind: 'free' } },
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
