import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { InferenceService } from '../../../src/contract/inference-service.ts';
import type { JsonObject } from '../../../src/lib/json.ts';
import { silentLogger } from '../../../src/lib/log.ts';
import { createObjectStore } from '../../../src/kube/object-store.ts';
import type { ClusterView } from '../../../src/kube/cluster-view.ts';
import { trainedModelWebhook } from '../../../src/admission/trained-model-webhook.ts';
import { trainedModel } from '../../support/cluster-client.ts';
import { scriptedApi } from '../../support/scripted-api.ts';
import { DEFAULT_SYSTEM_CONFIG } from '../../../src/contract/system-config.ts';
import type { ScriptedApi } from '../../support/scripted-api.ts';

describe('a TrainedModel of an InferenceService with on-demand residency', () => {
  const asked = async (
    memory: string,
    annotations: Record<string, string>,
    own: Record<string, string> = {},
  ) => {
    const service = {
      metadata: { name: 'sk', namespace: 'default', annotations },
      spec: { predictor: { sklearn: { resources: { limits: { memory: '1Gi' } } } } },
    };
    const group = () => [];
    const view = {
      inferenceServices: { cache: { get: () => service } },
      // The other models need far more than the limit, and do not count.
      memoryByKey: { sumOf: () => 2n ** 60n },
      trainedModelsByKey: undefined,
      modelConfigsByKey: { group },
    } as unknown as ClusterView;
    const handler = trainedModelWebhook({
      ...{ client: undefined as never, view },
      ...{ allowMemoryChanges: false, callerIsKnown: true, kserve: 'beside', logger: silentLogger },
      systemConfig: { current: () => ({ ...DEFAULT_SYSTEM_CONFIG, kserveMode: 'Standard' }) },
    });
    const model = trainedModel('m', 'sk', { memory });
    const object = { ...model, metadata: { ...model.metadata, annotations: own } } as unknown as JsonObject;
    const kind = { group: 'serving.kserve.io', version: 'v1alpha1', kind: 'TrainedModel' };
    const request = {
      uid: '1',
      kind,
      operation: 'CREATE',
      name: 'm',
      namespace: 'default',
      dryRun: false,
    } as const;
    return handler({ ...request, object }, new AbortController().signal);
  };
  const ON_DEMAND = { 'kserve-mms/residency': 'on-demand' };
  const PAST = expect.stringContaining(
    "InferenceService sk: KServe's Service sk-predictor leads past the agent",
  );

  it.each([
    ['fits alone', '100Mi', ON_DEMAND, {}, [PAST]],
    ['is too large alone', '900Mi', ON_DEMAND, {}, [expect.stringContaining('needs 900Mi alone'), PAST]],
    [
      'has an invalid budget',
      '1Mi',
      { ...ON_DEMAND, 'kserve-mms/memory-budget': '4GiB' },
      {},
      [expect.stringContaining('InferenceService sk: kserve-mms/memory-budget is "4GiB"'), PAST],
    ],
    [
      'is annotated as on-demand itself',
      '1Mi',
      ON_DEMAND,
      ON_DEMAND,
      [expect.stringContaining('on a TrainedModel it must be "always"'), PAST],
    ],
  ])('is allowed, with the warnings, when it %s', async (_, memory, annotations, own, warnings) => {
    expect(await asked(memory, annotations, own)).toEqual({ kind: 'allowed', warnings });
  });
});

/** A real API server cannot be made to accept a request and never answer it. */
describe('the TrainedModel webhook while the API server does not answer', () => {
  let api: ScriptedApi;

  beforeEach(async () => {
    api = await scriptedApi({ lists: [() => undefined], watches: [() => undefined] });
  });
  afterEach(() => api.close());

  it('allows a model whose InferenceService is unknown, with a warning', async () => {
    const handler = trainedModelWebhook({
      client: api.client,
      view: {
        inferenceServices: { cache: createObjectStore<InferenceService>().cache },
      } as unknown as ClusterView,
      ...{ allowMemoryChanges: false, callerIsKnown: true, kserve: 'beside', logger: silentLogger },
      systemConfig: { current: () => DEFAULT_SYSTEM_CONFIG },
    });
    const object = { ...trainedModel('new', 'unseen') } as unknown as JsonObject;
    const decision = await handler(
      {
        ...{ uid: '1', kind: { group: 'serving.kserve.io', version: 'v1alpha1', kind: 'TrainedModel' } },
        ...{ operation: 'CREATE', name: 'new', namespace: 'default', dryRun: false },
        object,
      },
      new AbortController().signal,
    );
    expect(decision).toEqual({
      kind: 'allowed',
      warnings: [expect.stringContaining('could not be looked up just now')],
    });
    expect(api.requests).toHaveLength(1);
  });
});
