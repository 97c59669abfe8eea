import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { ApiClient } from '../../src/kube/api-client.ts';
import { CONFIG_MAPS, INFERENCE_SERVICES, TRAINED_MODELS } from '../../src/kube/resources.ts';
import {
  createModel,
  createService,
  inferenceService,
  modelNames,
  readConfigMap,
  trainedModel,
} from '../support/cluster-client.ts';
import { eventually } from '../support/eventually.ts';
import { startManagedCluster } from '../support/managed-cluster.ts';
import type { ManagedCluster } from '../support/managed-cluster.ts';
import type { TestManager } from '../support/manager.ts';

const WITH_STORAGE = { sklearn: { storageUri: 's3://bucket/single' } };

describe('models.json follows InferenceServices and TrainedModels', () => {
  let cluster: ManagedCluster;
  let manager: TestManager;
  let client: ApiClient;
  let counter = 0;
  /** A name that no other case uses. */
  let name = '';

  beforeAll(async () => {
    cluster = await startManagedCluster();
    ({ client, manager } = cluster);
  });

  beforeEach(() => {
    counter += 1;
    name = `svc-${counter}`;
  });

  afterAll(async () => {
    await cluster.stop();
  });

  const hasModels = (models: readonly string[], service = name): Promise<void> =>
    eventually(async () => expect(await modelNames(client, service)).toEqual(models));
  const hasNoConfigMap = (service = name): Promise<void> =>
    eventually(async () => expect(await readConfigMap(client, `modelconfig-${service}-0`)).toBeUndefined());
  const reference = (object = `modelconfig-${name}-0`): { namespace: string; name: string } => ({
    namespace: 'default',
    name: object,
  });
  const mergePatch = (body: object): Promise<unknown> =>
    client.patch(CONFIG_MAPS, reference(), { type: 'merge', body });

  it('gives a multi-model InferenceService an empty list, its labels and itself as owner', async () => {
    const service = inferenceService(name);
    const labelled = { ...service, metadata: { ...service.metadata, labels: { team: 'blue' } } };
    const { metadata } = (await client.create(INFERENCE_SERVICES, labelled)) as typeof service;
    await hasModels([]);
    const configMap = await readConfigMap(client, `modelconfig-${name}-0`);
    expect(configMap?.data).toEqual({ 'models.json': '[]' });
    expect(configMap?.metadata.labels).toMatchObject({ team: 'blue' });
    expect(configMap?.metadata.ownerReferences).toEqual([
      {
        apiVersion: 'serving.kserve.io/v1beta1',
        kind: 'InferenceService',
        name,
        uid: metadata.uid,
        controller: true,
        blockOwnerDeletion: true,
      },
    ]);
  });

  it('gives one with storage of its own nothing', async () => {
    await createService(client, inferenceService(name, WITH_STORAGE));
    await createService(client, inferenceService(`${name}-later`));
    await hasModels([], `${name}-later`);
    expect(await readConfigMap(client, `modelconfig-${name}-0`)).toBeUndefined();
  });

  it('takes models in, out and over from one InferenceService to another', async () => {
    await createService(client, inferenceService(name));
    await createService(client, inferenceService(`${name}-b`));
    await createModel(client, trainedModel(`${name}-m1`, name));
    await createModel(client, trainedModel(`${name}-m2`, name));
    await hasModels([`${name}-m1`, `${name}-m2`]);
    await client.delete(TRAINED_MODELS, reference(`${name}-m1`));
    await hasModels([`${name}-m2`]);
    const move = { spec: { inferenceService: `${name}-b` } };
    await client.patch(TRAINED_MODELS, reference(`${name}-m2`), { type: 'merge', body: move });
    await hasModels([`${name}-m2`], `${name}-b`);
    await hasModels([]);
  });

  it('lets models wait for an InferenceService that comes after them', async () => {
    await createModel(client, trainedModel(`${name}-early`, name));
    await createService(client, inferenceService(name));
    await hasModels([`${name}-early`]);
    expect(await client.get(TRAINED_MODELS, reference(`${name}-early`))).toBeDefined();
  });

  it('repairs hand edits and deletions, and keeps what others have put there', async () => {
    await createService(client, inferenceService(name));
    await createModel(client, trainedModel(`${name}-m`, name));
    await hasModels([`${name}-m`]);
    await mergePatch({
      metadata: { labels: { foreign: 'label' }, annotations: { foreign: 'annotation' } },
      data: { 'models.json': '{"broken', 'foreign.txt': 'kept' },
    });
    await hasModels([`${name}-m`]);
    const repaired = await readConfigMap(client, `modelconfig-${name}-0`);
    expect(repaired?.data?.['foreign.txt']).toBe('kept');
    expect(repaired?.metadata.labels).toMatchObject({ foreign: 'label' });
    expect(repaired?.metadata.annotations).toEqual({ foreign: 'annotation' });
    await mergePatch({ metadata: { labels: { 'kserve-mms/model-config': null }, ownerReferences: null } });
    await eventually(async () => {
      const { metadata } = (await readConfigMap(client, `modelconfig-${name}-0`))!;
      expect(metadata.labels).toMatchObject({ 'kserve-mms/model-config': 'true' });
      expect(metadata.ownerReferences).toHaveLength(1);
    });
    await client.delete(CONFIG_MAPS, reference());
    await hasModels([`${name}-m`]);
  });

  it('does not write where the text is equal in meaning', async () => {
    await createService(client, inferenceService(name));
    for (const model of ['a', 'b']) {
      await createModel(client, trainedModel(`${name}-${model}`, name, { memory: '1Gi' }));
    }
    await hasModels([`${name}-a`, `${name}-b`]);
    const spelled = ['b', 'a'].map((model) => ({
      modelSpec: { memory: '1024Mi', framework: 'sklearn', storageUri: `s3://bucket/${name}-${model}` },
      modelName: `${name}-${model}`,
    }));
    const text = JSON.stringify(spelled, undefined, 2);
    await mergePatch({ data: { 'models.json': text } });
    // A second InferenceService that is worked off afterwards shows that the first had its turn.
    await createService(client, inferenceService(`${name}-after`));
    await hasModels([], `${name}-after`);
    expect((await readConfigMap(client, `modelconfig-${name}-0`))?.data?.['models.json']).toBe(text);
  });

  it('keeps models over the memory limit out, and lets them in when there is room', async () => {
    const limited = { sklearn: { resources: { limits: { memory: '2Gi' } } } };
    await createService(client, inferenceService(name, limited));
    await createModel(client, trainedModel(`${name}-big`, name, { memory: '1536Mi' }));
    await hasModels([`${name}-big`]);
    await createModel(client, trainedModel(`${name}-over`, name, { memory: '1Gi' }));
    await createModel(client, trainedModel(`${name}-small`, name, { memory: '512Mi' }));
    await hasModels([`${name}-big`, `${name}-small`]);
    await client.delete(TRAINED_MODELS, reference(`${name}-big`));
    await hasModels([`${name}-over`, `${name}-small`]);
  });

  it('puts the ConfigMap away when its InferenceService stops being multi-model, and brings it back', async () => {
    await createService(client, inferenceService(name));
    await createModel(client, trainedModel(`${name}-m`, name));
    await hasModels([`${name}-m`]);
    const predictor = (storageUri: string | null): object => ({
      spec: { predictor: { sklearn: { storageUri } } },
    });
    const change = (storageUri: string | null): Promise<unknown> =>
      client.patch(INFERENCE_SERVICES, reference(name), { type: 'merge', body: predictor(storageUri) });
    await change('s3://bucket/one');
    await hasNoConfigMap();
    await change(null);
    await hasModels([`${name}-m`]);
  });

  it('puts the ConfigMap away with its InferenceService, and makes it anew for the next of that name', async () => {
    await createService(client, inferenceService(name));
    await createModel(client, trainedModel(`${name}-m`, name));
    await hasModels([`${name}-m`]);
    await client.delete(INFERENCE_SERVICES, reference(name));
    await hasNoConfigMap();
    const { metadata } = await client.create(INFERENCE_SERVICES, inferenceService(name));
    await hasModels([`${name}-m`]);
    const configMap = await readConfigMap(client, `modelconfig-${name}-0`);
    expect(configMap?.metadata.ownerReferences?.[0]?.uid).toBe(metadata.uid);
  });

  it("takes over the ConfigMap that KServe made, and leaves another owner's alone", async () => {
    const before = {
      data: { 'models.json': '[]' },
      metadata: { namespace: 'default', labels: { kserve: 'yes' } },
    };
    await client.create(CONFIG_MAPS, {
      ...before,
      metadata: { ...before.metadata, name: `modelconfig-${name}-0` },
    });
    const owner = { apiVersion: 'apps/v1', kind: 'Deployment', name: 'other', uid: 'u', controller: true };
    await client.create(CONFIG_MAPS, {
      ...before,
      metadata: { ...before.metadata, name: `modelconfig-${name}-x-0`, ownerReferences: [owner] },
    });
    await createService(client, inferenceService(`${name}-x`));
    await createModel(client, trainedModel(`${name}-mx`, `${name}-x`));
    await createService(client, inferenceService(name));
    await createModel(client, trainedModel(`${name}-m`, name));
    await hasModels([`${name}-m`]);
    expect((await readConfigMap(client, `modelconfig-${name}-0`))?.metadata.labels).toMatchObject({
      kserve: 'yes',
    });
    await eventually(() => expect(manager.log()).toContain('FOREIGN_CONFIG_MAP'));
    expect(await modelNames(client, `${name}-x`)).toEqual([]);
  });
});
