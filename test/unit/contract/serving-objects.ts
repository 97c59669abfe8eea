import type { ServingObjects } from '../../../src/cli/status/cluster-overview.decide.ts';

const CREATED = '2026-01-01T00:00:00Z';
const SINCE = '2026-01-01T00:01:00Z';

/** One namespace with a model in each state that a status can have. */
export function servingObjects(): ServingObjects {
  const objects = {
    inferenceServices: [
      service('flowers', { sklearn: { resources: { limits: { memory: '1Gi' } } } }, 'True'),
      service('single', { sklearn: { storageUri: 's3://models/one' } }, 'False'),
    ],
    trainedModels: [
      model('rose', 'flowers', '100Mi', ['True', 'Loaded', 'loaded on every ready replica']),
      model('tulip', 'flowers', '100Mi', [
        'False',
        'Failed',
        'loaded on 1 of 2 replicas; pod flowers-b: NotFound: s3://models/tulip: there is no object below it. Check the storageUri.',
      ]),
      model('baobab', 'flowers', '4Gi', ['False', 'MemoryResourceNotAvailable', 'needs 4Gi']),
      model('seed', 'flowers', '100Mi'),
      { ...model('bud', 'flowers', '100Mi', ['True', 'Loaded', '']), ...generation('bud', 2) },
      { ...model('wilted', 'flowers', '100Mi', ['True', 'Loaded', '']), ...ending('wilted') },
      model('stray', 'gone', '100Mi'),
      model('alone', 'single', '100Mi'),
      model('nameless', undefined, '100Mi'),
    ],
    pods: [
      pod('flowers-a', 'flowers', true),
      pod('flowers-b', 'flowers', true),
      pod('flowers-c', 'flowers', false),
      pod('flowers-transformer', 'flowers', true, 'transformer'),
      pod('long-gone', 'unknown', true),
    ],
    modelConfigs: [],
  };
  return objects as unknown as ServingObjects;
}

function service(name: string, predictor: object, ready: string): object {
  return {
    metadata: { name, namespace: 'default', creationTimestamp: CREATED },
    spec: { predictor },
    status: { url: `http://${name}.example.com`, conditions: [{ type: 'Ready', status: ready }] },
  };
}

function model(
  name: string,
  inferenceService: string | undefined,
  memory: string,
  loaded?: readonly [status: string, reason: string, message: string],
): object {
  const [status, reason, message] = loaded ?? [];
  const conditions = ['ModelLoaded', 'Ready'].map((type) => ({
    ...{ type, status, reason, message },
    lastTransitionTime: SINCE,
  }));
  return {
    metadata: { name, namespace: 'default', creationTimestamp: CREATED, generation: 1 },
    spec: { inferenceService, model: { storageUri: `s3://models/${name}`, framework: 'sklearn', memory } },
    ...(loaded && { status: { observedGeneration: 1, conditions } }),
  };
}

function generation(name: string, number: number): object {
  return { metadata: { name, namespace: 'default', creationTimestamp: CREATED, generation: number } };
}

function ending(name: string): object {
  return {
    metadata: { name, namespace: 'default', creationTimestamp: CREATED, deletionTimestamp: SINCE },
  };
}

function pod(name: string, owner: string, ready: boolean, component = 'predictor'): object {
  return {
    metadata: {
      name,
      namespace: 'default',
      labels: { 'serving.kserve.io/inferenceservice': owner, component },
    },
    spec: { nodeName: 'node' },
    status: { phase: 'Running', conditions: [{ type: 'Ready', status: ready ? 'True' : 'False' }] },
  };
}
