import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { fileURLToPath } from 'node:url';
import type { ControlPlane } from '../../src/development/controlplane/control-plane.ts';
import type { Check } from '../../src/cli/check/checks.decide.ts';
import { WEBHOOK_CONFIGURATION } from '../../src/contract/names.ts';
import type { ApiClient } from '../../src/kube/api-client.ts';
import {
  DEPLOYMENTS,
  INFERENCE_SERVICES,
  PODS,
  SECRETS,
  SERVICE_ACCOUNTS,
  SERVICES,
} from '../../src/kube/resources.ts';
import { reviewAt } from '../support/admission-review.ts';
import { clientFor } from '../support/api-access.ts';
import {
  createModel,
  createService,
  inferenceService,
  modelNames,
  readConfigMap,
  trainedModel,
} from '../support/cluster-client.ts';
import { runCommand } from '../support/command-run.ts';
import { eventually } from '../support/eventually.ts';
import { kubectl, kubectlWithInput } from '../support/kubectl.ts';
import { startTestManager } from '../support/manager.ts';
import type { TestManager } from '../support/manager.ts';
import {
  createRuntime,
  mlserverRuntime,
  modelPredictor,
  readCondition,
} from '../support/predictor-cluster.ts';
import { predictorPod } from '../support/predictor-pod.ts';
import { controlPlaneWithManagerAccount } from '../support/service-account.ts';
import { ROUTED, routeWebhook } from '../support/webhook-route.ts';

describe('a manager with exactly the rights of the manifests', () => {
  let controlPlane: ControlPlane;
  let client: ApiClient;
  let manager: TestManager;
  let managerKubeconfig = '';

  beforeAll(async () => {
    const started = await controlPlaneWithManagerAccount(ROUTED);
    controlPlane = started.controlPlane;
    client = clientFor(controlPlane);
    const manifests = fileURLToPath(new URL('../../manifests/default', import.meta.url));
    await kubectl(controlPlane.kubeconfigPath, 'apply', '-k', manifests);
    managerKubeconfig = started.managerKubeconfig;
    manager = await startTestManager({
      ...{ kubeconfig: managerKubeconfig, inCluster: true, args: ['--predictors'] },
    });
    await routeWebhook(client, [manager.ports.webhook]);
  });

  afterAll(async () => {
    // A graceful end in a cluster would take 15 s.
    await manager.kill('SIGKILL');
    await client.close();
    await controlPlane.stop();
  });

  async function rightsCheck(): Promise<Check | undefined> {
    const { stdout } = await runCommand(['check', '--kubeconfig', controlPlane.kubeconfigPath, '-o', 'json']);
    const { checks } = JSON.parse(stdout) as { checks: Check[] };
    return checks.find(({ id }) => id === 'manager-may-work');
  }

  it('becomes ready, and maintains and deletes ConfigMaps', async () => {
    await createService(client, inferenceService('sk'));
    await createModel(client, trainedModel('m1', 'sk'));
    await eventually(async () => expect(await modelNames(client, 'sk')).toEqual(['m1']));
    await client.delete(INFERENCE_SERVICES, { namespace: 'default', name: 'sk' });
    await eventually(async () => expect(await readConfigMap(client, 'modelconfig-sk-0')).toBeUndefined());
  });

  it('reads the Secrets that a service account names', async () => {
    await createService(client, inferenceService('with-storage'));
    const key = Buffer.from('x').toString('base64');
    await client.create(SECRETS, {
      metadata: { name: 's3', namespace: 'default' },
      data: { AWS_ACCESS_KEY_ID: key, AWS_SECRET_ACCESS_KEY: key },
    });
    await client.create(SERVICE_ACCOUNTS, {
      metadata: { name: 'reader', namespace: 'default' },
      secrets: [{ name: 's3' }],
    });
    const pod = predictorPod('a', 'with-storage', ({ spec }) => (spec.serviceAccountName = 'reader'));
    const { response } = await reviewAt(manager.ports.webhook, pod);
    expect(Buffer.from(response.patch ?? '', 'base64').toString()).toContain('AWS_SECRET_ACCESS_KEY');
  });

  it('makes Deployments and Services, reports their status, and repairs them', async () => {
    await createRuntime(client, mlserverRuntime());
    await createService(client, inferenceService('served', modelPredictor()));
    const at = { namespace: 'default', name: 'served-predictor' };
    await eventually(async () => {
      await client.get(SERVICES, at);
      expect((await readCondition(client, 'served', 'Ready')).reason).toBe('DeploymentNotObserved');
    });
    const { generation = 0 } = (await client.get(DEPLOYMENTS, at)).metadata;
    await client.patch(DEPLOYMENTS, at, { type: 'merge', body: { spec: { replicas: 5 } } });
    await eventually(async () =>
      expect((await client.get(DEPLOYMENTS, at)).metadata.generation).toBe(generation + 2),
    );
  });

  it('publishes its CA, and gets no 403', async () => {
    const args = ['get', 'mutatingwebhookconfiguration', WEBHOOK_CONFIGURATION];
    const caBundle = await kubectl(
      controlPlane.kubeconfigPath,
      ...[...args, '-o', 'jsonpath={.webhooks[0].clientConfig.caBundle}'],
    );
    expect(Buffer.from(caBundle, 'base64').toString()).toContain('BEGIN CERTIFICATE');
    const monthFromNow = Date.now() / 1000 + 30 * 24 * 3600;
    expect(await manager.metric('mms_certificate_expiry_timestamp_seconds')).toBeGreaterThan(monthFromNow);
    expect(await manager.metric('mms_api_requests_total', { code: '403' })).toBe(0);
    expect(manager.log()).not.toContain('forbidden');
  });

  it('notifies pods of changed models', async () => {
    await createService(client, inferenceService('notified'));
    await eventually(async () => expect(await modelNames(client, 'notified')).toEqual([]));
    // The pod is labelled after its creation, because the API server cannot reach the webhook of a manager outside of
    // the cluster.
    const pod = predictorPod('notified-a', 'notified', ({ metadata, spec }) => {
      delete (metadata as { labels?: unknown }).labels;
      spec['nodeName'] = 'node-1';
      spec.volumes = [{ name: 'model-config', configMap: { name: 'modelconfig-notified-0' } }];
    });
    await client.create(PODS, pod);
    const { metadata } = predictorPod('notified-a', 'notified');
    const labelled = { metadata: { labels: metadata.labels } };
    await client.patch(PODS, { namespace: 'default', name: 'notified-a' }, { type: 'merge', body: labelled });
    await eventually(async () =>
      expect(await manager.metric('mms_cache_objects', { resource: 'pods' })).toBe(1),
    );
    await createModel(client, trainedModel('t1', 'notified'));
    await eventually(async () => {
      expect(await manager.metric('mms_propagations_total', { result: 'annotated' })).toBe(1);
    });
    expect(await manager.metric('mms_api_requests_total', { code: '403' })).toBe(0);
  });

  it('has all rights that mms check looks for', async () => {
    expect(await rightsCheck()).toMatchObject({ outcome: 'ok' });
  });

  it('maintains ConfigMaps and is ready without rights on pods, as mms check reports', async () => {
    await manager.kill('SIGKILL');
    const role = ['clusterrole', 'kserve-mms-manager'];
    const { rules, ...rest } = JSON.parse(
      await kubectl(controlPlane.kubeconfigPath, 'get', ...role, '-o', 'json'),
    ) as { rules: { resources: string[] }[] };
    const withoutPods = { ...rest, rules: rules.filter(({ resources }) => !resources.includes('pods')) };
    await kubectlWithInput(controlPlane.kubeconfigPath, JSON.stringify(withoutPods), ['replace', '-f', '-']);
    const message = 'the manager may not: list pods, watch pods, patch pods (unless --no-propagate)';
    await eventually(async () => expect(await rightsCheck()).toMatchObject({ outcome: 'failed', message }));
    manager = await startTestManager({
      ...{ kubeconfig: managerKubeconfig, inCluster: true, args: ['--predictors'] },
    });
    await createModel(client, trainedModel('t2', 'notified'));
    await eventually(async () => expect(await modelNames(client, 'notified')).toEqual(['t1', 't2']));
    expect(await manager.metric('mms_api_requests_total', { code: '403', resource: 'pods' })).toBeGreaterThan(
      0,
    );
  });
});
