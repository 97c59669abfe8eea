import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { KubernetesObject } from '../../src/contract/kubernetes.ts';
import type { Pod } from '../../src/contract/pod.ts';
import type { ApiClient } from '../../src/kube/api-client.ts';
import { getIfThere } from '../../src/kube/get-if-there.ts';
import {
  CLUSTER_SERVING_RUNTIMES,
  DEPLOYMENTS,
  INFERENCE_SERVICES,
  NAMESPACES,
  PODS,
  SERVICES,
} from '../../src/kube/resources.ts';
import { createService, inferenceService } from '../support/cluster-client.ts';
import { eventually } from '../support/eventually.ts';
import { kubectl } from '../support/kubectl.ts';
import {
  at,
  createRuntime,
  mlserverRuntime,
  modelPredictor,
  predictorsIn,
  readCondition,
  readStatus,
  reportAvailable,
  startPredictorCluster,
} from '../support/predictor-cluster.ts';
import type { PredictorCluster, SeenDeployment } from '../support/predictor-cluster.ts';

describe('the controller of predictors', () => {
  let cluster: PredictorCluster;
  let client: ApiClient;

  beforeAll(async () => {
    cluster = await startPredictorCluster();
    ({ client } = cluster);
    await createRuntime(client, mlserverRuntime());
  });

  afterAll(async () => {
    await cluster.stop();
  });

  const { deploymentOf, serviceOf, deployed } = predictorsIn(() => client);
  const change = (name: string, spec: object) =>
    client.patch(INFERENCE_SERVICES, { namespace: 'default', name }, { type: 'merge', body: { spec } });
  const imageOf = ({ spec }: SeenDeployment) => spec.template.spec.containers[0]?.image;

  it('makes a Deployment and a Service that belong to the InferenceService', async () => {
    await createService(client, inferenceService('plain', modelPredictor('kserve-mlserver')));
    const { spec, metadata } = await deployed('plain');
    expect(metadata.ownerReferences).toEqual([
      expect.objectContaining({
        kind: 'InferenceService',
        name: 'plain',
        controller: true,
        blockOwnerDeletion: true,
      }),
    ]);
    expect(spec.replicas).toBe(1);
    expect(spec.selector).toEqual({ matchLabels: { app: 'isvc.plain-predictor' } });
    expect(imageOf(await deploymentOf('plain'))).toBe('docker.io/seldonio/mlserver:1.7.1');
    expect((await serviceOf('plain')).spec).toMatchObject({
      selector: { app: 'isvc.plain-predictor' },
      ports: [{ name: 'http', port: 80, targetPort: 9081, protocol: 'TCP' }],
    });
  });

  it('makes pods that the webhook injects and the Pod Security Standard "restricted" admits', async () => {
    const namespace = 'restricted';
    const labels = { 'pod-security.kubernetes.io/enforce': 'restricted' };
    await client.create(NAMESPACES, { metadata: { name: namespace, labels } });
    await createService(client, inferenceService('strict', modelPredictor(), namespace));
    const { template } = (await deployed('strict', namespace)).spec;
    const serviceAccount = { serviceAccountName: 'default', automountServiceAccountToken: false };
    await kubectl(
      cluster.controlPlane.kubeconfigPath,
      '-n',
      namespace,
      'create',
      'serviceaccount',
      'default',
    );
    const pod = (await client.create(
      PODS,
      {
        metadata: { ...template.metadata, name: 'strict-1', namespace },
        spec: { ...template.spec, ...serviceAccount },
      } as KubernetesObject,
      { dryRun: true },
    )) as unknown as Pod;
    expect(pod.spec.containers.map(({ name }) => name)).toEqual(['kserve-container', 'agent']);
    const relaxed = structuredClone(template.spec);
    delete relaxed.containers[0]!.securityContext;
    const lax = {
      metadata: { ...template.metadata, name: 'lax', namespace },
      spec: { ...relaxed, ...serviceAccount },
    };
    await expect(client.create(PODS, lax as KubernetesObject, { dryRun: true })).rejects.toThrow(
      'restricted',
    );
  });

  it("reports its state in KServe's conditions, and keeps the transition time of unchanged ones", async () => {
    await createService(client, inferenceService('reported', modelPredictor()));
    await deployed('reported');
    await eventually(async () =>
      expect(await readCondition(client, 'reported', 'Ready')).toMatchObject({
        status: 'Unknown',
        reason: 'DeploymentNotObserved',
      }),
    );
    await reportAvailable(client, 'reported-predictor');
    const ready = await eventually(async () => {
      const condition = await readCondition(client, 'reported', 'Ready');
      expect(condition.status).toBe('True');
      return condition;
    });
    const url = 'http://reported-predictor.default.svc.cluster.local';
    expect(await readStatus(client, 'reported')).toMatchObject({
      url,
      address: { url },
      components: { predictor: { url } },
      clusterServingRuntimeName: 'kserve-mlserver',
      deploymentMode: 'Standard',
      observedGeneration: 1,
      modelStatus: { transitionStatus: 'UpToDate' },
    });
    await change('reported', { predictor: { minReplicas: 3 } });
    await eventually(async () => {
      expect((await deploymentOf('reported')).spec.replicas).toBe(3);
      expect((await readStatus(client, 'reported')).observedGeneration).toBe(2);
      expect(await readCondition(client, 'reported', 'PredictorReady')).toMatchObject({
        status: 'True',
        reason: 'RollingOut',
      });
    });
    expect(await readCondition(client, 'reported', 'Ready')).toEqual(ready);
    await reportAvailable(client, 'reported-predictor', false);
    await eventually(async () =>
      expect(await readCondition(client, 'reported', 'Ready')).toMatchObject({
        status: 'False',
        reason: 'MinimumReplicasUnavailable',
      }),
    );
  });

  it('waits for a runtime that is created later', async () => {
    await createService(client, inferenceService('early', modelPredictor('later')));
    await eventually(async () =>
      expect(await readCondition(client, 'early', 'PredictorReady')).toMatchObject({
        status: 'False',
        reason: 'RuntimeNotRecognized',
      }),
    );
    expect((await readStatus(client, 'early'))['modelStatus']).toMatchObject({
      transitionStatus: 'InvalidSpec',
      lastFailureInfo: { reason: 'RuntimeNotRecognized' },
    });
    await createRuntime(client, mlserverRuntime('later'));
    await deployed('early');
    await eventually(async () =>
      expect((await readCondition(client, 'early', 'PredictorReady')).reason).toBe('DeploymentNotObserved'),
    );
    // It keeps the previous version when the runtime is deleted.
    await client.delete(CLUSTER_SERVING_RUNTIMES, { name: 'later' });
    await reportAvailable(client, 'early-predictor');
    await eventually(async () =>
      expect(await readCondition(client, 'early', 'PredictorReady')).toMatchObject({
        status: 'True',
        reason: 'RuntimeNotRecognized',
        message: expect.stringContaining('the previous version keeps running'),
      }),
    );
  });

  it('rolls out a changed runtime, and removes fields that left the spec', async () => {
    await createRuntime(client, mlserverRuntime('moving'));
    await createService(
      client,
      inferenceService('mover', modelPredictor('moving', { nodeSelector: { disk: 'fast' } })),
    );
    expect((await deployed('mover')).spec.template.spec['nodeSelector']).toEqual({ disk: 'fast' });
    await change('mover', { predictor: { nodeSelector: null } });
    const containers = [{ name: 'kserve-container', image: 'mlserver:other' }];
    await client.patch(
      CLUSTER_SERVING_RUNTIMES,
      { name: 'moving' },
      { type: 'merge', body: { spec: { containers } } },
    );
    await eventually(async () => {
      const deployment = await deploymentOf('mover');
      expect(imageOf(deployment)).toBe('mlserver:other');
      expect(deployment.spec.template.spec).not.toHaveProperty('nodeSelector');
      expect(deployment.spec.template.spec.containers[0]).not.toHaveProperty('securityContext');
    });
    // Delete it, because the newest runtime is selected by a time in whole seconds, and other cases may select this
    // one.
    await client.delete(CLUSTER_SERVING_RUNTIMES, { name: 'moving' });
  });

  it('leaves a foreign Deployment of that name alone, reports it, and continues once it is deleted', async () => {
    const labels = { app: 'mine' };
    const spec = {
      selector: { matchLabels: labels },
      template: { metadata: { labels }, spec: { containers: [{ name: 'mine', image: 'mine' }] } },
    };
    await client.create(DEPLOYMENTS, { metadata: at('taken'), spec } as KubernetesObject);
    await createService(client, inferenceService('taken', modelPredictor()));
    await eventually(async () =>
      expect(await readCondition(client, 'taken', 'PredictorReady')).toMatchObject({
        status: 'False',
        reason: 'DeploymentNotOurs',
        message: expect.stringContaining('delete or rename'),
      }),
    );
    expect(imageOf(await deploymentOf('taken'))).toBe('mine');
    await client.delete(DEPLOYMENTS, at('taken'));
    await eventually(async () => expect(imageOf(await deploymentOf('taken'))).toContain('mlserver'), 60_000);
  });

  it("reports the API server's refusal of an invalid spec, blocks no other, and applies the fix", async () => {
    const predictor = modelPredictor(undefined, { nodeSelectr: { a: 'b' } });
    await createService(client, inferenceService('typo', predictor));
    await createService(client, inferenceService('fine', modelPredictor()));
    await deployed('fine');
    await eventually(async () =>
      expect(await readCondition(client, 'typo', 'PredictorReady')).toMatchObject({
        status: 'False',
        reason: 'DeploymentRefused',
        message: expect.stringContaining('nodeSelectr'),
      }),
    );
    await change('typo', { predictor: { nodeSelectr: null } });
    await deployed('typo');
  });

  it('accepts quantities as users write them', async () => {
    const written = { cpu: 0.5, memory: '1024Mi' };
    // The runtime requests more than this, and a request may not exceed its limit.
    const resources = { requests: written, limits: written };
    await createService(
      client,
      inferenceService('written', { sklearn: { protocolVersion: 'v2', resources } }),
    );
    const { spec } = await deployed('written');
    const understood = { cpu: '500m', memory: '1Gi' };
    expect(spec.template.spec.containers[0]?.resources).toEqual({
      requests: understood,
      limits: understood,
    });
  });

  it('has no pods for minReplicas 0 or a stop, and reports the reason', async () => {
    await createService(client, inferenceService('idle', modelPredictor(undefined, { minReplicas: 0 })));
    expect((await deployed('idle')).spec.replicas).toBe(0);
    const reason = (await eventually(() => readCondition(client, 'idle', 'Ready'))).reason;
    expect(reason).toBe('ScaledToZero');
    const stop = { metadata: { annotations: { 'serving.kserve.io/stop': 'true' } } };
    await client.patch(
      INFERENCE_SERVICES,
      { namespace: 'default', name: 'reported' },
      { type: 'merge', body: stop },
    );
    await eventually(async () => {
      expect((await deploymentOf('reported')).spec.replicas).toBe(0);
      expect((await readCondition(client, 'reported', 'Ready')).reason).toBe('Stopped');
    });
  });

  it('leaves an InferenceService alone that is not multi-model', async () => {
    await createService(client, inferenceService('single', { sklearn: { storageUri: 's3://b/m' } }));
    await createService(client, inferenceService('after', modelPredictor()));
    await deployed('after');
    expect(await getIfThere(client, DEPLOYMENTS, at('single'))).toBeUndefined();
    expect(await readStatus(client, 'single')).toEqual({});
    // One that was multi-model before keeps its pods, and its Ready condition becomes Unknown.
    await change('after', { predictor: { model: { storageUri: 's3://b/m' } } });
    await eventually(async () =>
      expect(await readCondition(client, 'after', 'Ready')).toMatchObject({
        status: 'Unknown',
        reason: 'IsNotMMSPredictor',
      }),
    );
    await deploymentOf('after');
  });

  it('waits until objects of a deleted InferenceService of the same name are gone', async () => {
    await createService(client, inferenceService('reborn', modelPredictor()));
    const { uid } = (await deployed('reborn')).metadata;
    await client.delete(INFERENCE_SERVICES, { namespace: 'default', name: 'reborn' });
    await createService(client, inferenceService('reborn', modelPredictor()));
    await eventually(async () =>
      expect((await readCondition(client, 'reborn', 'PredictorReady')).reason).toBe('DeploymentNotOurs'),
    );
    // Does what the garbage collector does.
    await client.delete(DEPLOYMENTS, at('reborn'));
    await client.delete(SERVICES, at('reborn'));
    expect((await deployed('reborn')).metadata.uid).not.toBe(uid);
  });
});
