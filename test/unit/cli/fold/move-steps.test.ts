import { describe, expect, it } from '@jest/globals';
import { nextStep } from '../../../../src/cli/fold/move/steps.decide.ts';
import type { Goal, ModelState, MoveState, Step } from '../../../../src/cli/fold/move/steps.decide.ts';

const READY: ModelState = {
  ...{ inferenceService: 'shared', deleting: false, load: { state: 'ready', line: 'Ready' } },
  ...{ replacing: 'no', made: true, replicasBefore: undefined },
};
const SHARED: MoveState['shared'] = {
  name: 'shared',
  exists: true,
  deleting: false,
  ready: true,
  made: true,
  models: 1,
};
const OLD: MoveState['old'] = {
  ...{ exists: true, multiModel: false, deployment: { replicas: 2, ready: 2, pods: 2 } },
  autoscaler: undefined,
};
const RETIRED = { ...OLD, deployment: { replicas: 0, ready: 0, pods: 0 } };

function state(changes: Partial<MoveState> = {}): MoveState {
  return {
    ...{ name: 'rose', shared: SHARED, model: READY, slices: 0, endpoints: 0, leaving: 0, old: OLD },
    ...changes,
  };
}

const LED = { model: { ...READY, replacing: 'yes' as const }, slices: 1, endpoints: 2 };
const ENDED = { ...READY, replacing: 'ended' as const };

/** The next step as one word, with the code of a refusal. */
function next(goal: Goal, changes: Partial<MoveState>, found = {}, written = true): string {
  const manifest = written ? { metadata: { name: 'x' } } : undefined;
  const step: Step = nextStep(
    goal,
    state(changes),
    { alike: false, drained: false, settled: false, ...found },
    { service: manifest, model: manifest },
  );
  if (step.kind === 'refuse') return `refuse ${step.code}`;
  return 'replicas' in step ? `${step.kind} ${step.replicas}` : step.kind;
}

describe('the next step of --apply', () => {
  it.each<[string, Partial<MoveState>, string]>([
    ['nothing exists', { shared: { ...SHARED, exists: false }, model: undefined }, 'make-service'],
    ['the shared pods start', { shared: { ...SHARED, ready: false }, model: undefined }, 'wait'],
    ['the shared pods are ready', { model: undefined }, 'make-model'],
    ['the model loads', { model: { ...READY, load: { state: 'going', line: 'Loading' } } }, 'wait'],
    ['the model failed once', { model: { ...READY, load: { state: 'stuck', line: 'Failed' } } }, 'wait'],
    [
      'the model has no room',
      { model: { ...READY, load: { state: 'blocked', line: 'x' } } },
      'refuse ModelBlocked',
    ],
    ['the model is ready', {}, 'compare'],
    ['an undo was interrupted', { model: ENDED }, 'compare'],
    ['the model is being deleted', { model: { ...READY, deleting: true } }, 'wait'],
    ['the manager has not redirected traffic yet', { ...LED, slices: 0, endpoints: 0 }, 'wait'],
    ['the shared pods serve the traffic', LED, 'done'],
    ['the InferenceService does not exist', { old: { ...OLD, exists: false } }, 'refuse NoInferenceService'],
    ['it is multi-model', { old: { ...OLD, multiModel: true } }, 'refuse MultiModel'],
    [
      'the shared one is being deleted',
      { shared: { ...SHARED, exists: false, deleting: true }, model: undefined },
      'wait',
    ],
    ['it uses Knative', { old: { ...OLD, deployment: undefined } }, 'refuse NoDeployment'],
    [
      'the TrainedModel is for another InferenceService',
      { model: { ...READY, inferenceService: 'x' } },
      'refuse OtherTrainedModel',
    ],
  ])('when %s', (_, changes, expected) => {
    expect(next('apply', changes)).toBe(expected);
  });

  it('is to redirect traffic after the responses were equal', () => {
    expect(next('apply', {}, { alike: true })).toBe('lead');
  });

  it('creates nothing without a manifest', () => {
    expect(next('apply', { model: undefined }, {}, false)).toBe('refuse NothingWritten');
  });
});

describe('the next step of --retire', () => {
  const noted = { ...LED, model: { ...LED.model, replicasBefore: 2 } };
  it.each<[string, Partial<MoveState>, string]>([
    ['it was not moved', {}, 'refuse NotMoved'],
    ['no shared pod is ready', { ...LED, endpoints: 0 }, 'refuse NotMoved'],
    ['it was moved', LED, 'note-replicas 2'],
    ['its number of replicas is noted', noted, 'scale 0'],
    ['it is multi-model', { ...noted, old: { ...OLD, multiModel: true } }, 'refuse MultiModel'],
    [
      'the number has changed since',
      { ...noted, old: { ...OLD, deployment: { replicas: 3, ready: 3, pods: 3 } } },
      'note-replicas 3',
    ],
    [
      'its pods terminate',
      { ...noted, old: { ...OLD, deployment: { replicas: 0, ready: 0, pods: 1 } } },
      'wait',
    ],
    ['its pods are gone', { ...noted, old: RETIRED }, 'done'],
    ['they are out of its Service, and not all are scaled down', { ...noted, leaving: 1 }, 'scale 0'],
    ['they are out of its Service', { ...noted, leaving: 2, old: RETIRED }, 'finish'],
    ['an autoscaler manages it', { ...LED, old: { ...OLD, autoscaler: 'keda' } }, 'refuse OtherAutoscaler'],
    ['an autoscaler has scaled it to zero', { ...LED, old: { ...RETIRED, autoscaler: 'keda' } }, 'done'],
  ])('when %s', (_, changes, expected) => {
    expect(next('retire', changes)).toBe(expected);
  });
});

describe('pods that were removed from their Service', () => {
  const retired = { ...LED, model: { ...LED.model, replicasBefore: 2 }, leaving: 2, old: RETIRED };

  it('are ended when they have no more requests', () => {
    expect(next('retire', retired, { drained: true })).toBe('end-pods');
  });

  it('are also ended by --undo when --retire was interrupted', () => {
    const gone = { model: undefined, shared: { ...SHARED, exists: false }, leaving: 1 };
    expect(next('undo', gone)).toBe('end-pods');
    expect(next('undo', { ...gone, leaving: 0 })).toBe('done');
  });
});

describe('the next step of --undo', () => {
  const retired = { ...LED, model: { ...LED.model, replicasBefore: 2 } };
  it.each<[string, Partial<MoveState>, string]>([
    ['it was retired', { ...retired, old: RETIRED }, 'scale 2'],
    [
      'one of its pods is ready',
      { ...retired, old: { ...OLD, deployment: { replicas: 2, ready: 1, pods: 2 } } },
      'wait',
    ],
    ['its pods are ready', retired, 'settle'],
    [
      'it was retired, and the annotation was removed',
      { slices: 1, model: { ...READY, replicasBefore: 2 }, old: RETIRED },
      'scale 2',
    ],
    ['it was retired, and the model was deleted', { model: undefined, old: RETIRED }, 'scale 1'],
    ['its pods were never scaled down', LED, 'release'],
    ['it has no pods, for another reason', { ...LED, old: RETIRED }, 'wait'],
    ['it does not exist', { ...LED, old: { ...OLD, exists: false } }, 'refuse NoInferenceService'],
    ['an EndpointSlice still points to the shared pods', { model: ENDED, slices: 1 }, 'wait'],
    ['no EndpointSlice points to them any more', { model: ENDED }, 'drain'],
    ['it was only compared', {}, 'delete-model'],
    ['a user created the model', { model: { ...READY, made: false } }, 'done'],
    ['the model is being deleted', { model: { ...READY, deleting: true } }, 'wait'],
    ['other models share the pods', { model: undefined }, 'done'],
    ['no model shares the pods', { model: undefined, shared: { ...SHARED, models: 0 } }, 'delete-service'],
    [
      'a user created the shared one',
      { model: undefined, shared: { ...SHARED, models: 0, made: false } },
      'done',
    ],
  ])('when %s', (_, changes, expected) => {
    expect(next('undo', changes)).toBe(expected);
  });

  it('returns traffic to its own pods when they have been ready for a while', () => {
    expect(next('undo', retired, { settled: true })).toBe('release');
  });

  it.each([
    [true, 'delete-model'],
    [false, 'forget'],
  ])('without requests under the old name, and made is %s', (made, expected) => {
    expect(next('undo', { model: { ...ENDED, made } }, { drained: true })).toBe(expected);
  });
});
