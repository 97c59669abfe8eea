import { describe, expect, it } from '@jest/globals';
import type { ServingObjects } from '../../../../src/cli/status/cluster-overview.decide.ts';
import { clusterOverview } from '../../../../src/cli/status/cluster-overview.decide.ts';
import { statusDocument } from '../../../../src/cli/status/status-document.decide.ts';
import { readTarget } from '../../../../src/cli/explain/target.decide.ts';
import { onlyMultiModel, selectStatus } from '../../../../src/cli/status/status-selection.decide.ts';
import { servingObjects } from '../../contract/serving-objects.ts';

const overview = clusterOverview(servingObjects());
const model = (name: string) => overview.models.find((one) => one.name === name);
const service = (name: string) => overview.inferenceServices.find((one) => one.name === name);

describe('a model in the overview', () => {
  it.each<[string, string, object]>([
    [
      'loaded: on every ready replica',
      'rose',
      { phase: 'Loaded', ready: 'True', replicas: { loaded: 2, total: 2 }, message: '' },
    ],
    [
      'failed: with the counts of its condition',
      'tulip',
      { phase: 'Failed', ready: 'False', replicas: { loaded: 1, total: 2 } },
    ],
    ['over the limit', 'baobab', { phase: 'MemoryResourceNotAvailable', ready: 'False' }],
    [
      'without a status: as planned',
      'seed',
      { phase: 'Unknown', ready: 'Unknown', replicas: { loaded: 0, total: 2 } },
    ],
    ['changed after its status was written', 'bud', { phase: 'Pending', ready: 'Unknown' }],
    [
      'whose InferenceService is missing',
      'stray',
      { phase: 'InferenceServiceNotFound', inferenceService: 'gone' },
    ],
    ['for a single-model InferenceService', 'alone', { phase: 'IsNotMMSPredictor' }],
    ['that names no InferenceService', 'nameless', { phase: 'InvalidSpec', inferenceService: undefined }],
    ['that is being deleted', 'wilted', { phase: 'Terminating' }],
  ])('%s', (_what, name, expected) => {
    expect(model(name)).toMatchObject(expected);
  });
});

describe('an InferenceService in the overview', () => {
  it('counts pods, models and memory', () => {
    expect(service('flowers')).toMatchObject({
      ...{ found: true, multiModel: true, ready: true },
      replicas: { ready: 2, total: 3 },
      models: { total: 6, loaded: 1, failed: 1 },
      memory: { used: 400n * 1024n ** 2n, declared: 4596n * 1024n ** 2n, limit: 1024n ** 3n },
    });
  });

  it('has the reason why it is not multi-model', () => {
    expect(service('single')).toMatchObject({
      multiModel: false,
      why: expect.stringContaining('storageUri'),
    });
  });

  it('exists when only a model names it', () => {
    expect(service('gone')).toMatchObject({ found: false, ready: false, models: { total: 1 } });
  });
});

describe('selecting by name', () => {
  it.each<[string, string[], string[], string[]]>([
    ['an InferenceService with its models', ['single'], ['single'], ['alone']],
    ['only a model', ['rose'], [], ['rose']],
    ['a name with a kind', ['tm/rose'], [], ['rose']],
    ['a kind that does not match the name', ['isvc/rose'], [], []],
  ])('%s', (_what, names, services, models) => {
    const chosen = selectStatus(
      overview,
      names.flatMap((word) => readTarget(word) ?? []),
    );
    expect(chosen.inferenceServices.map(({ name }) => name)).toEqual(services);
    expect(chosen.models.map(({ name }) => name)).toEqual(models);
  });

  it('reports unknown names with similar ones', () => {
    const wanted = ['rosee', 'flowers', 'isvc/rose', 'tm/flowerss'].flatMap((word) => readTarget(word) ?? []);
    expect(selectStatus(overview, wanted).missing).toEqual([
      { wanted: 'rosee', near: ['rose'] },
      { wanted: 'rose', kind: 'InferenceService', near: ['tm/rose'] },
      { wanted: 'flowerss', kind: 'TrainedModel', near: [] },
    ]);
  });
});

describe('the document of a status', () => {
  it('has a version, and memory as numbers', () => {
    const text = JSON.stringify(statusDocument(selectStatus(overview, [{ kind: undefined, name: 'rose' }])));
    expect(JSON.parse(text)).toEqual({
      version: 'kserve-mms/status.v1',
      inferenceServices: [],
      models: [
        {
          ...{
            namespace: 'default',
            name: 'rose',
            inferenceService: 'flowers',
            ready: 'True',
            phase: 'Loaded',
          },
          ...{ message: '', replicas: { loaded: 2, total: 2 }, memoryBytes: 100 * 1024 ** 2 },
          url: 'http://flowers.example.com/v1/models/rose:predict',
          created: '2026-01-01T00:00:00Z',
          since: '2026-01-01T00:01:00Z',
        },
      ],
    });
  });

  it('accepts any stored objects', () => {
    const junk = { spec: { model: 'x' }, status: { conditions: [] } };
    const objects = {
      inferenceServices: [{ metadata: { name: 'constructor', namespace: 'a' }, spec: junk }],
      trainedModels: [{ metadata: { name: '__proto__', namespace: 'a' }, ...junk }],
      pods: [{ metadata: { name: 'p', namespace: 'a' } }],
      modelConfigs: [{ metadata: { name: 'c', namespace: 'a' } }],
    } as unknown as ServingObjects;
    expect(statusDocument(clusterOverview(objects))).toMatchObject({ models: [{ name: '__proto__' }] });
  });
});

describe('without the InferenceServices that are not multi-model', () => {
  const objects = servingObjects();
  const plain = {
    metadata: { name: 'plain', namespace: 'default' },
    spec: { predictor: { sklearn: { storageUri: 's3://b' } } },
  };
  const all = clusterOverview({ ...objects, inferenceServices: [...objects.inferenceServices, plain] });

  it('keeps those that a TrainedModel names', () => {
    expect(all.inferenceServices.map(({ name }) => name)).toEqual(['flowers', 'gone', 'plain', 'single']);
    expect(onlyMultiModel(all).inferenceServices.map(({ name }) => name)).toEqual([
      'flowers',
      'gone',
      'single',
    ]);
  });

  it('has no readiness for one without a status', () => {
    expect(all.inferenceServices.find(({ name }) => name === 'plain')).toMatchObject({
      ...{ ready: false, readyCondition: undefined, notReady: '' },
    });
  });
});
