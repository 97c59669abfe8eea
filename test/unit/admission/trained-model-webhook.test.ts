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

/** A real API server cannot be made to take a request and never answer it. */
describe('the webhook for TrainedModels, while the API server does not answer', () => {
  let api: ScriptedApi;

  beforeEach(async () => {
    api = await scriptedApi({ lists: [() => undefined], watches: [() => undefined] });
  });
  afterEach(() => api.close());

  it('lets a model in whose InferenceService is not known, with a warning', async () => {
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
