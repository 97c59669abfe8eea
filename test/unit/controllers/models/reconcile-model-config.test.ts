import { describe, expect, it } from '@jest/globals';
import type { InferenceService } from '../../../../src/contract/inference-service.ts';
import type { ConfigMap } from '../../../../src/contract/kubernetes.ts';
import { objectKey } from '../../../../src/contract/kubernetes.ts';
import { modelConfigName } from '../../../../src/contract/names.ts';
import type { TrainedModel } from '../../../../src/contract/trained-model.ts';
import { reconcileModelConfig } from '../../../../src/controllers/models/reconcile-model-config.ts';
import { decodeObject } from '../../../../src/kube/decode-objects.ts';
import { MmsError } from '../../../../src/lib/errors.ts';
import { recordingLogger } from '../../../support/logs.ts';

const KEY = objectKey('shop', 'flowers');
const SERVICE: InferenceService = {
  apiVersion: 'serving.kserve.io/v1beta1',
  kind: 'InferenceService',
  metadata: { name: 'flowers', namespace: 'shop', uid: 'u', resourceVersion: '1' },
  spec: { predictor: { model: { modelFormat: { name: 'sklearn' } } } },
};
const IRIS: TrainedModel = {
  apiVersion: 'serving.kserve.io/v1alpha1',
  kind: 'TrainedModel',
  metadata: { name: 'iris', namespace: 'shop', uid: 'i', resourceVersion: '1' },
  spec: {
    inferenceService: 'flowers',
    model: { storageUri: 's3://models/iris', framework: 'sklearn', memory: '1Mi' },
  },
};

/** The ConfigMap as received by a watch. */
function watched(keys: number): ConfigMap {
  const notes = Array.from({ length: keys }, (_, at) => [`note-of-some-length-${at}`, 'x'.repeat(40)]);
  const metadata = { name: modelConfigName('flowers', 0), namespace: 'shop', uid: 'c', resourceVersion: '7' };
  const data = { ...Object.fromEntries(notes), 'models.json': '[]' };
  const text = JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', metadata, data });
  return decodeObject(Buffer.from(text)) as ConfigMap;
}

async function reconciled(configMap: ConfigMap): Promise<{ written: ConfigMap[]; states: string[] }> {
  const written: ConfigMap[] = [];
  const states: string[] = [];
  const unexpected = () => Promise.reject(new Error('not expected'));
  await reconcileModelConfig(KEY, {
    world: {
      inferenceService: () => SERVICE,
      trainedModels: () => [IRIS],
      configMaps: () => [configMap],
      isInferenceServiceGone: () => Promise.resolve(false),
    },
    writer: {
      ...{ create: unexpected, read: unexpected, delete: unexpected },
      replace: (replaced) => {
        written.push(replaced);
        return Promise.resolve(replaced);
      },
    },
    logger: recordingLogger(),
    first: 'placed',
    observe: (_key, { waiting }) => states.push(...waiting.map(({ reason }) => reason)),
  }).catch((thrown: unknown) => states.push(errorCodeOf(thrown)));
  return { written, states };
}

function errorCodeOf(thrown: unknown): string {
  if (thrown instanceof MmsError) return thrown.code;
  throw thrown;
}

describe('a ConfigMap with keys of others', () => {
  it('keeps them when models.json is written', async () => {
    const { written } = await reconciled(watched(5_000));
    expect(written.map(({ data }) => Object.keys(data ?? {}).length)).toEqual([5_001]);
  });

  it('is not written when it has too many keys to read, because they would be lost', async () => {
    const { written, states } = await reconciled(watched(8_000));
    expect(written).toEqual([]);
    expect(states).toEqual(['ConfigMapNotWritten', 'CONFIG_MAP_REFUSED']);
  });
});
