import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { KubernetesObject } from '../../src/contract/kubernetes.ts';
import { conditionOf } from '../../src/contract/trained-model-status.ts';
import type { TrainedModelStatus } from '../../src/contract/trained-model-status.ts';
import type { ApiClient } from '../../src/kube/api-client.ts';
import { CONFIG_MAPS, INFERENCE_SERVICES, NAMESPACES, TRAINED_MODELS } from '../../src/kube/resources.ts';
import type { Resource } from '../../src/kube/resources.ts';
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
  /** Each case has its own name. */
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

  it('creates an empty list for a multi-model InferenceService, with its labels and an owner reference', async () => {
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

  it('creates no ConfigMap for an InferenceService with a storageUri', async () => {
    await createService(client, inferenceService(name, WITH_STORAGE));
    await createService(client, inferenceService(`${name}-later`));
    await hasModels([], `${name}-later`);
    expect(await readConfigMap(client, `modelconfig-${name}-0`)).toBeUndefined();
  });

  it('adds, removes and moves models', async () => {
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

  it('keeps models until their InferenceService is created', async () => {
    await createModel(client, trainedModel(`${name}-early`, name));
    await createService(client, inferenceService(name));
    await hasModels([`${name}-early`]);
    expect(await client.get(TRAINED_MODELS, reference(`${name}-early`))).toBeDefined();
  });

  it('repairs edits and deletions, and keeps foreign keys, labels and annotations', async () => {
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

  it('does not write when the text is semantically equal', async () => {
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
    // The second InferenceService is reconciled after the first.
    await createService(client, inferenceService(`${name}-after`));
    await hasModels([], `${name}-after`);
    expect((await readConfigMap(client, `modelconfig-${name}-0`))?.data?.['models.json']).toBe(text);
  });

  it('leaves out models over the memory limit, and adds them when there is room', async () => {
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

  it('deletes the ConfigMap when its InferenceService stops being multi-model, and creates it again later', async () => {
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

  it('deletes the ConfigMap with its InferenceService, and creates it for the next one of that name', async () => {
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

  it("adopts a ConfigMap made by KServe, and leaves another owner's alone", async () => {
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

  /** The ModelLoaded condition of a model. */
  const loadedOf = async (model: string): Promise<string> => {
    const { status } = await client.get(TRAINED_MODELS, reference(model));
    const { reason = '', message = '' } = conditionOf(status as TrainedModelStatus, 'ModelLoaded') ?? {};
    return `${reason}: ${message}`;
  };

  it('reports an immutable ConfigMap, counts no model as placed, and writes once it can', async () => {
    await client.create(CONFIG_MAPS, {
      ...{ metadata: { namespace: 'default', name: `modelconfig-${name}-0` } },
      ...{ data: { 'models.json': '[]' }, immutable: true },
    });
    const unwritten = { state: 'ConfigMapNotWritten' };
    const placed = await manager.metric('mms_trained_models', { state: 'Placed' });
    const before = await manager.metric('mms_trained_models', unwritten);
    await createService(client, inferenceService(name));
    await createModel(client, trainedModel(`${name}-m`, name));
    await eventually(async () =>
      expect(await loadedOf(`${name}-m`)).toMatch(/^ConfigMapNotWritten: .*is immutable; delete it/),
    );
    expect(await manager.metric('mms_trained_models', { state: 'Placed' })).toBe(placed);
    expect(await manager.metric('mms_trained_models', unwritten)).toBe(before + 1);
    await client.delete(CONFIG_MAPS, reference());
    await hasModels([`${name}-m`]);
    await eventually(async () => expect(await loadedOf(`${name}-m`)).toMatch(/^NoReplicas/));
  }, 90_000);

  it('leaves room for foreign keys, and fills the rest', async () => {
    await client.create(CONFIG_MAPS, {
      ...{ metadata: { namespace: 'default', name: `modelconfig-${name}-0` } },
      data: { notes: 'x'.repeat(1024 * 1024 - 300) },
    });
    await createService(client, inferenceService(name));
    for (const model of ['a', 'b', 'c']) await createModel(client, trainedModel(`${name}-${model}`, name));
    await eventually(async () => {
      const all = await Promise.all(['a', 'b', 'c'].map((model) => loadedOf(`${name}-${model}`)));
      expect(all.map((text) => text.split(':')[0])).toEqual(['NoReplicas', 'NoReplicas', 'ConfigMapFull']);
      expect(all[2]).toContain('its other keys take the rest');
    });
    await hasModels([`${name}-a`, `${name}-b`]);
    await client.delete(TRAINED_MODELS, reference(`${name}-a`));
    await hasModels([`${name}-b`, `${name}-c`]);
    expect((await readConfigMap(client, `modelconfig-${name}-0`))?.data?.['notes']).toHaveLength(
      1024 * 1024 - 300,
    );
  }, 90_000);

  it('reports the message of a policy that refuses the write, and keeps models placed that are in the ConfigMap', async () => {
    await createService(client, inferenceService(name));
    await createModel(client, trainedModel(`${name}-a`, name));
    await hasModels([`${name}-a`]);
    await client.create(POLICIES, policy(name));
    await client.create(POLICY_BINDINGS, binding(name));
    await eventually(async () => {
      const probe = mergePatch({ metadata: { annotations: { probe: 'x' } } });
      await expect(probe).rejects.toMatchObject({ code: 'API_INVALID' });
    });
    await createModel(client, trainedModel(`${name}-b`, name));
    await eventually(async () =>
      expect(await loadedOf(`${name}-b`)).toMatch(/^ConfigMapNotWritten: .*not on a Friday/),
    );
    expect(await loadedOf(`${name}-b`)).not.toMatch(/\/api\/|fieldManager/);
    await eventually(async () => expect(await loadedOf(`${name}-a`)).toMatch(/^NoReplicas/));
    expect(
      await manager.metric('mms_reconcile_errors_total', { code: 'CONFIG_MAP_REFUSED' }),
    ).toBeGreaterThan(0);
    await client.delete(POLICY_BINDINGS, { name });
    await hasModels([`${name}-a`, `${name}-b`]);
  }, 120_000);

  it('reports a quota that refuses the ConfigMap', async () => {
    const namespace = `${name}-full`;
    await client.create(NAMESPACES, { metadata: { name: namespace } });
    const spec = { hard: { 'count/configmaps': '0' } };
    await client.create(QUOTAS, { metadata: { name: 'q', namespace }, spec } as KubernetesObject);
    const quotaStatus = { status: { ...spec, used: { 'count/configmaps': '0' } } };
    await client.patch(
      QUOTAS,
      { namespace, name: 'q' },
      { type: 'merge', body: quotaStatus },
      { subresource: 'status' },
    );
    const within = <T extends KubernetesObject>(object: T): T => ({
      ...object,
      metadata: { ...object.metadata, namespace },
    });
    await client.create(INFERENCE_SERVICES, within(inferenceService(name)));
    await client.create(TRAINED_MODELS, within(trainedModel('m', name)));
    await eventually(async () => {
      const { status } = await client.get(TRAINED_MODELS, { namespace, name: 'm' });
      const { reason, message = '' } = conditionOf(status as TrainedModelStatus, 'ModelLoaded') ?? {};
      expect(reason).toBe('ConfigMapNotWritten');
      expect(message).toMatch(/quota/);
      expect(message).not.toContain('roles');
    });
  }, 90_000);
});

const POLICIES: Resource = {
  ...{ group: 'admissionregistration.k8s.io', version: 'v1', plural: 'validatingadmissionpolicies' },
  ...{ kind: 'ValidatingAdmissionPolicy', namespaced: false },
};
const POLICY_BINDINGS: Resource = {
  ...{ group: 'admissionregistration.k8s.io', version: 'v1', plural: 'validatingadmissionpolicybindings' },
  ...{ kind: 'ValidatingAdmissionPolicyBinding', namespaced: false },
};
const QUOTAS: Resource = {
  ...{ group: '', version: 'v1', plural: 'resourcequotas', kind: 'ResourceQuota', namespaced: true },
};

function policy(name: string): KubernetesObject {
  const rule = { apiGroups: [''], apiVersions: ['v1'], operations: ['UPDATE'], resources: ['configmaps'] };
  const spec = {
    failurePolicy: 'Fail',
    matchConstraints: { resourceRules: [rule] },
    validations: [
      { expression: `object.metadata.name != 'modelconfig-${name}-0'`, message: 'not on a Friday' },
    ],
  };
  return { metadata: { name }, spec } as KubernetesObject;
}

function binding(name: string): KubernetesObject {
  return { metadata: { name }, spec: { policyName: name, validationActions: ['Deny'] } } as KubernetesObject;
}
