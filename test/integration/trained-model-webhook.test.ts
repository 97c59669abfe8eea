import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { ControlPlane } from '../../src/development/controlplane/control-plane.ts';
import type { KubernetesObject } from '../../src/contract/kubernetes.ts';
import { WEBHOOK_CONFIGURATION } from '../../src/contract/names.ts';
import type { ApiClient } from '../../src/kube/api-client.ts';
import { getIfThere } from '../../src/kube/get-if-there.ts';
import { TRAINED_MODELS, VALIDATING_WEBHOOK_CONFIGURATIONS } from '../../src/kube/resources.ts';
import { reviewAt } from '../support/admission-review.ts';
import { clientFor } from '../support/api-access.ts';
import { apiServerCertificate } from '../support/api-server-certificate.ts';
import type { ApiServerCertificate } from '../support/api-server-certificate.ts';
import {
  createModel,
  createService,
  inferenceService,
  modelNames,
  trainedModel,
} from '../support/cluster-client.ts';
import { testControlPlane } from '../support/control-plane.ts';
import { eventually } from '../support/eventually.ts';
import { kubectlOutcome } from '../support/kubectl.ts';
import { startTestManager } from '../support/manager.ts';
import type { TestManager } from '../support/manager.ts';
import { dryRunContainers, predictorPod } from '../support/predictor-pod.ts';

const LIMITED = { sklearn: { resources: { limits: { memory: '2Gi' } } } };

describe('TrainedModels through a real API server with a client certificate', () => {
  let certificate: ApiServerCertificate;
  let controlPlane: ControlPlane;
  let client: ApiClient;
  let manager: TestManager;

  const registered = async (): Promise<boolean> =>
    (await getIfThere(client, VALIDATING_WEBHOOK_CONFIGURATIONS, { name: WEBHOOK_CONFIGURATION })) !==
    undefined;

  beforeAll(async () => {
    certificate = await apiServerCertificate();
    controlPlane = await testControlPlane({ apiServerFlags: [certificate.flag] });
    client = clientFor(controlPlane);
    manager = await startManager();
    // The API server learns of a new webhook configuration by a watch.
    await eventually(async () => expect((await preflight(trainedModel('a.b', 'sk'))).code).toBe(1));
  });

  afterAll(async () => {
    await manager.stop();
    await client.close();
    await controlPlane.stop();
    await certificate.remove();
  });

  const startManager = (...args: string[]): Promise<TestManager> =>
    startTestManager({
      kubeconfig: controlPlane.kubeconfigPath,
      args: ['--webhook-client-ca', certificate.authorityFile, ...args],
    });
  const kubectlApply = (object: KubernetesObject, ...args: string[]) =>
    kubectlOutcome(
      controlPlane.kubeconfigPath,
      JSON.stringify({ apiVersion: 'serving.kserve.io/v1alpha1', kind: 'TrainedModel', ...object }),
      ['apply', '-f', '-', ...args],
    );
  const preflight = (object: KubernetesObject) => kubectlApply(object, '--dry-run=server');

  it('are checked by kubectl apply --dry-run=server: all errors are listed, and nothing is stored', async () => {
    const { code, stderr } = await preflight(
      trainedModel('a.b', 'sk', { storageUri: 's3://', memory: '-1Gi' }),
    );
    expect(code).toBe(1);
    expect(stderr).toContain('trainedmodels.validate.kserve-mms');
    expect(stderr).toContain('the Trained Model "a.b" is invalid');
    expect(stderr).toContain('expected s3://<bucket>/<path>');
    expect(stderr).toContain('it must be a quantity of bytes above zero');
    expect(await getIfThere(client, TRAINED_MODELS, { namespace: 'default', name: 'a.b' })).toBeUndefined();
  });

  it('are admitted with a warning when their InferenceService is missing or not multi-model', async () => {
    const nowhere = await preflight(trainedModel('m1', 'nobody'));
    expect(nowhere).toMatchObject({ code: 0, stdout: expect.stringContaining('created (server dry run)') });
    expect(nowhere.stderr).toContain('Warning: there is no InferenceService nobody in this namespace yet');
    await createService(client, inferenceService('single', { sklearn: { storageUri: 's3://b/m' } }));
    const single = await preflight(trainedModel('m1', 'single'));
    expect(single.code).toBe(0);
    expect(single.stderr).toContain('Warning: InferenceService single is not multi-model');
  });

  it('are reviewed only for the API server; other callers get no answer', async () => {
    const { webhook } = manager.ports;
    const model = trainedModel('m1', 'nobody');
    const known = await reviewAt(webhook, model, { kind: 'TrainedModel', client: certificate });
    expect(known.response.warnings).toHaveLength(1);
    const stranger = await apiServerCertificate();
    for (const client of [undefined, { cert: stranger.cert, key: stranger.key }]) {
      await expect(
        reviewAt(webhook, model, { kind: 'TrainedModel', ...(client && { client }) }),
      ).rejects.toThrow();
      await expect(reviewAt(webhook, predictorPod('p', 'sk'), client && { client })).rejects.toThrow();
    }
    await stranger.remove();
    await createService(client, inferenceService('sk'));
    await eventually(async () =>
      expect(await dryRunContainers(client, predictorPod('p', 'sk'))).toContain('agent'),
    );
  });

  it('are admitted with the numbers when memory is short', async () => {
    await createService(client, inferenceService('limited', LIMITED));
    await createModel(client, trainedModel('first', 'limited', { memory: '1536Mi' }));
    await eventually(async () => expect(await modelNames(client, 'limited')).toEqual(['first']));
    expect((await preflight(trainedModel('small', 'limited', { memory: '512Mi' }))).stderr).toBe('');
    const large = await preflight(trainedModel('large', 'limited', { memory: '1Gi' }));
    expect(large.code).toBe(0);
    expect(large.stderr).toContain(
      "Warning: the model will wait (MemoryResourceNotAvailable): needs 1Gi, but 512Mi of the predictor's 2Gi were free",
    );
    // A model that has its memory is not counted twice.
    expect((await preflight(trainedModel('first', 'limited', { memory: '1536Mi' }))).stderr).not.toContain(
      'Memory',
    );
  });

  it('keep their memory and may move', async () => {
    await createService(client, inferenceService('other'));
    await createModel(client, trainedModel('mover', 'limited', { memory: '1Mi' }));
    const grown = await kubectlApply(trainedModel('mover', 'limited', { memory: '2Mi' }));
    expect(grown.stderr).toContain(
      'memory field is immutable. The memory was "1Mi" but it is updated to "2Mi"',
    );
    await eventually(async () => expect(await modelNames(client, 'limited')).toContain('mover'));
    expect(await kubectlApply(trainedModel('mover', 'other', { memory: '1Mi' }))).toMatchObject({ code: 0 });
    await eventually(async () => {
      expect(await modelNames(client, 'other')).toEqual(['mover']);
      expect(await modelNames(client, 'limited')).not.toContain('mover');
    });
  });

  it('are still created, freed and deleted when no manager answers', async () => {
    await manager.kill('SIGKILL');
    expect(await registered()).toBe(true);
    const old = trainedModel('old.one', 'other', { memory: '-1Mi' });
    await createModel(client, {
      ...old,
      metadata: { ...old.metadata, finalizers: ['trainedmodel.finalizer'] },
    });
    manager = await startManager();
    await eventually(async () => expect((await preflight(trainedModel('a.b', 'other'))).code).toBe(1));
    const reference = { namespace: 'default', name: 'old.one' };
    await client.patch(TRAINED_MODELS, reference, {
      type: 'merge',
      body: { metadata: { labels: { still: 'labelled' } } },
    });
    await client.delete(TRAINED_MODELS, reference);
    await client.patch(TRAINED_MODELS, reference, {
      type: 'merge',
      body: { metadata: { finalizers: null } },
    });
    expect(await getIfThere(client, TRAINED_MODELS, reference)).toBeUndefined();
  });

  it('may change their memory with --allow-memory-changes; a manager that ends removes its webhook', async () => {
    await manager.stop();
    expect(await registered()).toBe(false);
    manager = await startManager('--allow-memory-changes');
    await eventually(async () => expect((await preflight(trainedModel('a.b', 'other'))).code).toBe(1));
    expect(await kubectlApply(trainedModel('mover', 'other', { memory: '2Mi' }))).toMatchObject({ code: 0 });
  });
});
