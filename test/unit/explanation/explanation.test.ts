import { describe, expect, it } from '@jest/globals';
import type { EpochMs } from '../../../src/lib/clock.ts';
import { broken, explanation, ok, unknown } from '../../../src/explanation/chain.decide.ts';
import { explainModel } from '../../../src/explanation/explain-model.decide.ts';
import { explainPod } from '../../../src/explanation/explain-pod.decide.ts';
import type { InstallationFacts, ModelFacts } from '../../../src/explanation/facts.decide.ts';
import { LINKS } from '../../../src/explanation/links.decide.ts';
import { readTarget } from '../../../src/cli/explain/target.decide.ts';

const NOW = Date.parse('2026-01-01T00:00:30Z') as EpochMs;
const DENIED = { kind: 'unreadable', why: 'forbidden: cannot get leases' } as const;

/** The facts available to a user who may read only TrainedModels. */
const INSTALLATION: InstallationFacts = {
  ...{ namespace: 'kserve-mms-system', lease: DENIED, webhook: DENIED },
  ...{ trustedUntil: undefined, reached: DENIED, first: 'allocated' },
};
const MODEL: ModelFacts = {
  ...{ namespace: 'default', name: 'rose', near: [], nearServices: [], installation: INSTALLATION, now: NOW },
  model: {
    metadata: { name: 'rose', namespace: 'default' },
    spec: {
      inferenceService: 'sk',
      model: { storageUri: 's3://b/rose', framework: 'sklearn', memory: '1Mi' },
    },
  },
  ...{ inferenceService: DENIED, trainedModels: DENIED, configMap: DENIED, pods: DENIED, deployment: DENIED },
  ...{
    service: DENIED,
    wakingService: DENIED,
    readyEndpoints: DENIED,
    namespaceLabels: DENIED,
    defined: true,
  },
};

describe('an explanation', () => {
  it('marks the first broken link, skips those after it, and does not stop at unknown ones', () => {
    const never = (): never => {
      throw new Error('looked at');
    };
    const subject = { kind: 'Pod', namespace: 'a', name: 'b' } as const;
    const { links, broken: first } = explanation(subject, [
      ['pod-exists', () => ok('there')],
      ['pod-labelled', () => unknown('forbidden')],
      ['pod-is-predictor', () => broken('it is not')],
      ['pod-injected', never],
    ]);
    expect(links.map(({ outcome }) => outcome)).toEqual(['ok', 'unknown', 'broken', 'not reached']);
    expect(first).toEqual({
      ...{ id: 'pod-is-predictor', outcome: 'broken', message: 'it is not' },
      advice: LINKS['pod-is-predictor'].advice,
    });
  });

  it('marks a link as unknown with the reason when its facts cannot be read', () => {
    const { links, broken: first } = explainModel(MODEL);
    expect(first).toBeUndefined();
    expect(links.filter(({ outcome }) => outcome === 'ok').map(({ id }) => id)).toEqual([
      ...['model-exists', 'model-valid', 'model-kept'],
    ]);
    const lease = links.find(({ id }) => id === 'manager-leads');
    expect(lease).toMatchObject({ outcome: 'unknown', message: expect.stringContaining(DENIED.why) });
  });

  it('names only what could not be read', () => {
    const { links } = explainModel({
      ...MODEL,
      inferenceService: {
        kind: 'known',
        value: {
          metadata: { name: 'sk', namespace: 'default' },
          spec: { predictor: { model: { modelFormat: { name: 'sklearn' } } } },
        },
      },
      configMap: { kind: 'known', value: undefined },
    });
    expect(links.find(({ id }) => id === 'config-map-ours')).toMatchObject({
      ...{ outcome: 'unknown', message: expect.stringContaining('TrainedModels cannot be read') },
    });
  });

  it('uses the status when pods cannot be read, and claims no more than it says', () => {
    const said = { type: 'ModelLoaded', status: 'False', reason: 'NoReplicas', message: 'no pod runs' };
    const model = { ...MODEL.model, metadata: { name: 'rose' }, status: { conditions: [said] } };
    const { links, broken: first } = explainModel({ ...MODEL, model });
    expect(first).toMatchObject({ id: 'model-loaded', message: 'NoReplicas: no pod runs' });
    expect(links.filter(({ outcome }) => outcome === 'ok').map(({ id }) => id)).toEqual([
      ...['model-exists', 'model-valid', 'model-kept', 'status-current'],
    ]);
  });

  it.each([
    ['sklaern', /^its framework is "sklaern", and its InferenceService is of the format sklearn: correct /],
    ['SKLearn', new RegExp(`^${LINKS['model-loaded'].advice.slice(0, 30)}`)],
  ])('gives advice for a model of the framework %s that the server rejects', (framework, advice) => {
    const message =
      'loaded on 0 of 1 replicas; pod sk-0: LoadFailed: the model server answered 404: Model rose not found';
    const said = { type: 'ModelLoaded', status: 'False', reason: 'Failed', message };
    const model = {
      metadata: { name: 'rose' },
      spec: { inferenceService: 'sk', model: { storageUri: 's3://b/rose', framework, memory: '1Mi' } },
      status: { conditions: [said] },
    };
    const value = {
      metadata: { name: 'sk', namespace: 'default' },
      spec: { predictor: { model: { modelFormat: { name: 'sklearn' } } } },
    };
    const { broken: first } = explainModel({ ...MODEL, model, inferenceService: { kind: 'known', value } });
    expect(first).toMatchObject({ id: 'model-loaded', advice: expect.stringMatching(advice) });
  });

  it.each([
    ['renewed recently', '2026-01-01T00:00:20.123456Z', 'ok'],
    ['not renewed within its duration', '2025-12-31T23:59:00Z', 'broken'],
    ['without a time', undefined, 'broken'],
  ])('of a Lease %s', (_what, renewTime, outcome) => {
    const lease = { kind: 'known', value: { holder: 'a', renewTime, durationSeconds: 15 } } as const;
    const { links } = explainModel({ ...MODEL, installation: { ...INSTALLATION, lease } });
    expect(links.find(({ id }) => id === 'manager-leads')).toMatchObject({ outcome });
  });

  it.each([
    undefined,
    {},
    { spec: 'junk' },
    { status: { containerStatuses: 'junk' }, spec: { containers: [7] } },
  ])('handles a pod of %j', (raw) => {
    const pod = raw === undefined ? undefined : { metadata: { name: 'x' }, ...raw };
    const facts = { ...MODEL, name: 'x', pod, namespaceLabels: DENIED };
    expect(explainPod(facts).broken?.id).toBe(pod === undefined ? 'pod-exists' : 'pod-labelled');
  });
});

describe('the target of an explanation', () => {
  it.each([
    ['rose', { kind: undefined, name: 'rose' }],
    ['tm/rose', { kind: 'TrainedModel', name: 'rose' }],
    ['TrainedModel/rose', { kind: 'TrainedModel', name: 'rose' }],
    ['isvc/flowers', { kind: 'InferenceService', name: 'flowers' }],
    ['po/x', { kind: 'Pod', name: 'x' }],
    ['secret/x', undefined],
    ['constructor/x', undefined],
    ['pod/', undefined],
    ['pod/a/b', undefined],
    ['', undefined],
    ['trainedmodel.serving.kserve.io/rose', { kind: 'TrainedModel', name: 'rose' }],
    ['trainedmodel.example.com/rose', undefined],
  ])('%s', (word, target) => expect(readTarget(word)).toEqual(target));
});
