import { afterAll, beforeAll, describe, it } from '@jest/globals';
import { WEBHOOK_CONFIGURATION } from '../../src/contract/names.ts';
import type { ApiClient } from '../../src/kube/api-client.ts';
import { MUTATING_WEBHOOK_CONFIGURATIONS, NAMESPACES, PODS } from '../../src/kube/resources.ts';
import { createModel, createService, inferenceService, trainedModel } from '../support/cluster-client.ts';
import { expectBroken, startExplainScene } from '../support/explain-scene.ts';
import type { ExplainScene, Fault } from '../support/explain-scene.ts';
import { predictorPod } from '../support/predictor-pod.ts';

const WEBHOOK = { name: WEBHOOK_CONFIGURATION };

/** Faults of pods, then faults of the installation, one after another on a real API server with a real manager. */
describe('mms explain of a pod and of a broken installation', () => {
  let scene: ExplainScene;
  let client: ApiClient;

  beforeAll(async () => {
    scene = await startExplainScene();
    ({ client } = scene);
    await client.create(PODS, predictorPod('early-0', 'early'));
    await scene.served('early');
    await scene.served('podless');
  });

  afterAll(() => scene.stop());

  const FAULTS: readonly Fault[] = [
    {
      fault: 'the pod has no label',
      prepare: () =>
        client.create(
          PODS,
          predictorPod('plain', 'x', ({ metadata }) => void Reflect.deleteProperty(metadata, 'labels')),
        ),
      ask: ['pod/plain'],
      broken: 'pod-labelled',
      words: /no label serving\.kserve\.io\/inferenceservice/,
    },
    {
      fault: 'the pod opts out',
      prepare: () =>
        client.create(
          PODS,
          predictorPod('out', 'podless', ({ metadata }) => {
            metadata.annotations = { 'internal.serving.kserve.io/agent': 'false' };
          }),
        ),
      ask: ['pod/out'],
      broken: 'pod-not-opted-out',
      words: /annotation/,
    },
    {
      fault: 'the webhook does not select the namespace',
      prepare: async () => {
        await client.create(NAMESPACES, {
          metadata: { name: 'passed-over', labels: { 'control-plane': 'x' } },
        });
        await createService(client, inferenceService('sk', { sklearn: {} }, 'passed-over'));
        const { metadata, ...rest } = predictorPod('sk-0', 'sk');
        await client.create(PODS, { ...rest, metadata: { ...metadata, namespace: 'passed-over' } });
      },
      ask: ['pod/sk-0', '-n', 'passed-over'],
      broken: 'namespace-selected',
      words: /control-plane DoesNotExist/,
    },
    {
      fault: 'the pod has its own container named agent',
      prepare: async () => {
        await client.create(
          PODS,
          predictorPod('foreign-0', 'foreign', ({ spec }) => {
            spec.containers.push({ name: 'agent', image: 'other' });
          }),
        );
        await createService(client, inferenceService('foreign'));
      },
      ask: ['pod/foreign-0'],
      broken: 'pod-injectable',
      words: /named "agent"/,
    },
  ];

  /** These end the manager, so their order matters. */
  const LAST_FAULTS: readonly Fault[] = [
    {
      fault: 'no manager runs',
      prepare: () => scene.manager.kill('SIGKILL'),
      ask: ['tm/podless'],
      broken: 'manager-leads',
      words: /last renewed it .* ago/,
    },
    {
      fault: 'nothing answers at the address of the webhook',
      prepare: () => Promise.resolve(),
      ask: ['pod/early-0'],
      broken: 'webhook-answers',
      words: /nothing answers/,
    },
    {
      fault: 'the name cannot be a directory',
      prepare: () => createModel(client, trainedModel('a.b', 'podless')),
      ask: ['tm/a.b'],
      broken: 'model-valid',
      words: /name a\.b/,
    },
    {
      fault: 'the caBundle is empty',
      prepare: () =>
        client.patch(MUTATING_WEBHOOK_CONFIGURATIONS, WEBHOOK, {
          type: 'json',
          body: [{ op: 'remove', path: '/webhooks/0/clientConfig/caBundle' }],
        }),
      ask: ['pod/early-0'],
      broken: 'webhook-trusted',
      words: /no caBundle/,
    },
    {
      fault: 'the webhook is not registered',
      prepare: () => client.delete(MUTATING_WEBHOOK_CONFIGURATIONS, WEBHOOK),
      ask: ['pod/early-0'],
      broken: 'webhook-registered',
      words: /no MutatingWebhookConfiguration/,
    },
  ];

  it.each(FAULTS)('$fault: $broken', async (fault) => {
    await fault.prepare();
    await expectBroken(scene, fault);
  });

  it.each(LAST_FAULTS)('$fault: $broken', async (fault) => {
    await fault.prepare();
    await expectBroken(scene, fault);
  });
});
