import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { freePorts } from '../../src/development/controlplane/ports.ts';
import type { ApiClient } from '../../src/kube/api-client.ts';
import { CONFIG_MAPS, INFERENCE_SERVICES, PODS, TRAINED_MODELS } from '../../src/kube/resources.ts';
import { createModel, createService, inferenceService, trainedModel } from '../support/cluster-client.ts';
import { eventually } from '../support/eventually.ts';
import {
  expectBroken,
  held,
  startExplainScene,
  UNREADY_STATUS,
  waitingStatus,
} from '../support/explain-scene.ts';
import type { ExplainScene, Fault } from '../support/explain-scene.ts';
import { predictorPod } from '../support/predictor-pod.ts';
import { placePod } from '../support/predictor-pods.ts';

const NO_RUNTIME = { reason: 'NoSupportingRuntime', message: 'no runtime serves sklearn' };

/**
 * A real API server, a real manager, and real agents where a fault needs one. Each fault is prepared before its case.
 */
describe('mms explain', () => {
  let scene: ExplainScene;
  let client: ApiClient;

  beforeAll(async () => {
    scene = await startExplainScene();
    ({ client } = scene);
  });

  afterAll(() => scene.stop());

  const pod = (name: string, service: string): Promise<unknown> =>
    client.create(PODS, predictorPod(name, service));

  const FAULTS: readonly Fault[] = [
    {
      fault: 'the name is misspelled',
      prepare: () => createModel(client, trainedModel('tulip', 'nowhere')),
      ask: ['tm/tulipp'],
      broken: 'model-exists',
      words: /did you mean tulip\?/,
    },
    {
      fault: 'there is no such InferenceService',
      prepare: () => Promise.resolve(),
      ask: ['tulip'],
      broken: 'inference-service-found',
      words: /no InferenceService nowhere/,
    },
    {
      fault: 'the name of the InferenceService is misspelled',
      prepare: async () => {
        await createService(client, inferenceService('blossoms'));
        await createModel(client, trainedModel('violet', 'blosoms'));
      },
      ask: ['tm/violet'],
      broken: 'inference-service-found',
      words: /no InferenceService blosoms in namespace default; did you mean blossoms\?/,
    },
    {
      fault: 'the model is being deleted',
      prepare: async () => {
        await createModel(client, held(trainedModel('leaving', 'nowhere')));
        await client.delete(TRAINED_MODELS, { namespace: 'default', name: 'leaving' });
      },
      ask: ['trainedmodel/leaving'],
      broken: 'model-kept',
      words: /example\.com\/hold/,
    },
    {
      fault: 'the InferenceService is being deleted',
      prepare: async () => {
        await createService(client, held(inferenceService('closing')));
        await createModel(client, trainedModel('closing', 'closing'));
        await client.delete(INFERENCE_SERVICES, { namespace: 'default', name: 'closing' });
      },
      ask: ['tm/closing'],
      broken: 'inference-service-kept',
      words: /has been terminating since/,
    },
    {
      fault: 'the predictor has a model of its own',
      prepare: () => scene.served('single', { sklearn: { storageUri: 's3://bucket/one' } }),
      ask: ['tm/single'],
      broken: 'multi-model',
      words: /storageUri is set/,
    },
    {
      fault: 'memory is short',
      prepare: () =>
        scene.served('big', { sklearn: { resources: { limits: { memory: '100Mi' } } } }, '200Mi'),
      ask: ['tm/big'],
      broken: 'memory-fits',
      words: /needs 200Mi, but 100Mi/,
    },
    {
      fault: 'the ConfigMap belongs to another owner',
      prepare: async () => {
        const owner = { apiVersion: 'apps/v1', kind: 'Deployment', name: 'other', uid: 'some-uid' };
        await client.create(CONFIG_MAPS, {
          metadata: {
            ...{ name: 'modelconfig-taken-0', namespace: 'default' },
            ownerReferences: [{ ...owner, controller: true }],
          },
        });
        await scene.served('taken');
      },
      ask: ['tm/taken'],
      broken: 'config-map-ours',
      words: /belongs to Deployment other/,
    },
    {
      fault: 'models.json is full',
      prepare: async () => {
        await createService(client, inferenceService('full'));
        // The URI has the maximal length; a ConfigMap holds 1 MiB.
        const storageUri = `s3://bucket/${'x'.repeat(4_000)}`;
        const names = Array.from({ length: 260 }, (_none, index) => `filling-${index}`);
        await Promise.all(
          names.map((name) => createModel(client, trainedModel(name, 'full', { storageUri }))),
        );
        await createModel(client, trainedModel('too-many', 'full', { storageUri }));
      },
      ask: ['tm/too-many'],
      broken: 'fits-in-config-map',
      words: /the ConfigMap is full/,
    },
    {
      fault: 'nothing creates pods',
      prepare: () => scene.served('podless'),
      ask: ['tm/podless'],
      broken: 'pods-exist',
      words: /no Deployment that would make one/,
    },
    {
      fault: 'there is no runtime',
      prepare: async () => {
        await scene.served('runtimeless');
        await scene.sayOf('runtimeless', {
          conditions: [
            { type: 'PredictorReady', status: 'False', ...NO_RUNTIME },
            { type: 'Ready', status: 'False', reason: 'PredictorNotReady' },
          ],
        });
      },
      ask: ['isvc/runtimeless'],
      broken: 'pods-exist',
      words: /NoSupportingRuntime: no runtime serves sklearn.*apply a ServingRuntime/s,
    },
    {
      fault: 'there is no runtime, as KServe reports it',
      prepare: () =>
        scene.sayOf('runtimeless', {
          conditions: [{ type: 'Ready', status: 'False' }],
          modelStatus: { transitionStatus: 'InvalidSpec', lastFailureInfo: NO_RUNTIME },
        }),
      ask: ['tm/runtimeless'],
      broken: 'pods-exist',
      words: /NoSupportingRuntime: no runtime serves sklearn.*apply a ServingRuntime/s,
    },
    {
      fault: 'the pod was there before its InferenceService',
      prepare: async () => {
        await pod('early-0', 'early');
        await scene.served('early');
      },
      ask: ['tm/early'],
      broken: 'pods-injected',
      words: /early-0 \(was not injected when it was created\)/,
    },
    {
      fault: 'an image cannot be pulled',
      prepare: () => scene.servedWithPod('imageless', waitingStatus('ImagePullBackOff', 'manifest unknown')),
      ask: ['tm/imageless'],
      broken: 'pods-run',
      words: /kserve-container waits \(ImagePullBackOff: manifest unknown\)/,
    },
    {
      fault: 'a container crashes',
      prepare: () => scene.servedWithPod('crashing', waitingStatus('CrashLoopBackOff', 'back-off 5m0s')),
      ask: ['isvc/crashing'],
      broken: 'pods-run',
      words: /CrashLoopBackOff/,
    },
    {
      fault: 'no node has room',
      prepare: () =>
        scene.servedWithPod('homeless', {
          phase: 'Pending',
          conditions: [
            { type: 'PodScheduled', status: 'False', reason: 'Unschedulable', message: '0/3 nodes: memory' },
          ],
        }),
      ask: ['tm/homeless'],
      broken: 'pods-run',
      words: /has no node: 0\/3 nodes/,
    },
    {
      fault: 'the model server is not ready',
      prepare: () => scene.servedWithPod('unready', UNREADY_STATUS),
      ask: ['tm/unready'],
      broken: 'pods-ready',
      words: /unready-0 \(kserve-container\)/,
    },
    {
      fault: 'nothing listens on the port of the agent',
      prepare: async () => {
        await scene.served('mute');
        const [statusPort = 0, agentPort = 0] = await freePorts(2);
        await eventually(() => placePod(client, { name: 'mute-0', service: 'mute', statusPort, agentPort }));
      },
      ask: ['tm/mute'],
      broken: 'agent-reachable',
      words: /mute-0: agent not reachable/,
    },
    {
      fault: 'kubelet has not updated the ConfigMap',
      prepare: () => scene.servedByAgent('behind', { mirrored: false }),
      ask: ['tm/behind'],
      broken: 'agent-has-config',
      words: /Queued/,
    },
    {
      fault: 'the source refuses the download',
      prepare: () =>
        scene.servedByAgent('undownloaded', {
          mirrored: true,
          uri: ({ source }) => {
            const uri = source.uri('undownloaded');
            source.misbehave(new URL(uri).pathname, (_request, response) => {
              response.statusCode = 503;
              response.end('down for maintenance');
            });
            return uri;
          },
        }),
      ask: ['tm/undownloaded'],
      broken: 'model-downloaded',
      words: /503/,
    },
    {
      fault: 'the model server refuses the model',
      prepare: () =>
        scene.servedByAgent('unloadable', {
          mirrored: true,
          uri: ({ server, source }) => {
            server.behave = () => Promise.resolve({ status: 500, error: 'no such runtime' });
            return source.uri('unloadable');
          },
        }),
      ask: ['tm/unloadable'],
      broken: 'model-loaded',
      words: /no such runtime/,
    },
    {
      fault: 'one of its models fails',
      prepare: () => Promise.resolve(),
      ask: ['isvc/unloadable'],
      broken: 'models-loaded',
      words: /1 of 1 models are not loaded: unloadable \(Failed: .*no such runtime/,
    },
  ];

  it.each(FAULTS)('$fault: $broken', async (fault) => {
    await fault.prepare();
    await expectBroken(scene, fault);
  });

  it('finds no broken link for a loaded model, and marks the broken ones of others', async () => {
    await scene.servedByAgent('fine', { mirrored: true });
    await client.patch(
      INFERENCE_SERVICES,
      { namespace: 'default', name: 'fine' },
      { type: 'merge', body: { status: { conditions: [{ type: 'Ready', status: 'True' }] } } },
      { subresource: 'status' },
    );
    await eventually(async () =>
      expect(await scene.mms('explain', 'tm/fine')).toMatchObject({
        code: 0,
        stdout: expect.stringMatching(/✓ model-loaded .*(\n.*)*no link is broken/),
      }),
    );
    expect((await scene.mms('explain', 'pod/fine-0')).code).toBe(0);
    expect((await scene.mms('explain', 'isvc/fine')).code).toBe(0);
    const { stdout } = await scene.mms('explain', 'tm/big');
    expect(stdout).toMatch(/✓ multi-model .*\n✗ memory-fits .*\n.*→ raise the memory limit/);
  });

  it('asks which object is meant, and suggests a similar name for an unknown one', async () => {
    expect((await scene.mms('explain', 'fine')).stderr).toMatch(
      /trainedmodel\/fine or inferenceservice\/fine/,
    );
    expect((await scene.mms('explain', 'tulpi')).stderr).toMatch(/did you mean tulip/);
    expect((await scene.mms('explain', 'tm', 'fine')).code).toBe(0);
    expect((await scene.mms('explain', 'secret/x')).stderr).toMatch(/is none of/);
  });
});
