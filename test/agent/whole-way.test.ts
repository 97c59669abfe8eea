import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { runLocalPod } from '../../src/development/demo/local-pod.ts';
import type { LocalPod } from '../../src/development/demo/local-pod.ts';
import { predict, predictConstantly } from '../../src/development/demo/predict.ts';
import type { Prediction } from '../../src/development/demo/predict.ts';
import type { Pod } from '../../src/contract/pod.ts';
import { PODS, SECRETS, SERVICE_ACCOUNTS, TRAINED_MODELS } from '../../src/kube/resources.ts';
import { systemClock } from '../../src/lib/system-clock.ts';
import {
  createModel,
  createService,
  inferenceService,
  modelNames,
  trainedModel,
} from '../support/cluster-client.ts';
import { eventually } from '../support/eventually.ts';
import { startManagedCluster } from '../support/managed-cluster.ts';
import type { ManagedCluster } from '../support/managed-cluster.ts';
import { testMlserver, train } from '../support/mlserver.ts';
import { predictorPod } from '../support/predictor-pod.ts';
import { quietLogger } from '../support/quiet-logger.ts';
import { report } from '../support/report.ts';
import { startS3 } from '../support/s3.ts';
import type { TestS3 } from '../support/s3.ts';

const LAUNCHER = fileURLToPath(new URL('../../bin/mms.js', import.meta.url));
const ROW = [0];

/** API server, webhook, reconciler, agent, MLServer and S3 are real. The test only edits TrainedModels. */
describe('from a TrainedModel to a prediction', () => {
  let cluster: ManagedCluster;
  let s3: TestS3;
  let pod: LocalPod;
  let directory = '';

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'kserve-mms-whole-way-'));
    const { python, mlserver } = await testMlserver();
    [cluster, s3] = await Promise.all([startManagedCluster(), startS3()]);
    for (const [prefix, answer] of [
      ['one', 1],
      ['two', 2],
      ['three', 3],
    ] as const) {
      await s3.putObject('models', `${prefix}/model.joblib`, await train(python, answer));
    }
    const { client } = cluster;
    await createService(client, inferenceService('sk'));
    for (const name of ['one', 'two']) {
      await createModel(client, trainedModel(name, 'sk', { storageUri: `s3://models/${name}` }));
    }
    await eventually(async () => expect(await modelNames(client, 'sk')).toEqual(['one', 'two']));
    const stored = await injectedPod();
    pod = await runLocalPod({
      ...{ pod: stored, client, directory, mlserver, launcher: LAUNCHER, clock: systemClock },
      ...{ random: Math.random, logger: quietLogger, environment: process.env },
      configMap: { namespace: 'default', name: 'modelconfig-sk-0' },
    });
  });

  afterAll(async () => {
    await pod.stop();
    await s3.stop();
    await cluster.stop();
    await rm(directory, { recursive: true, force: true });
  });

  /** A pod whose service account names a Secret with the store's credentials, as KServe's users write it. */
  async function injectedPod(): Promise<Pod> {
    const { client } = cluster;
    const base64 = (text: string): string => Buffer.from(text).toString('base64');
    const annotations = {
      'serving.kserve.io/s3-endpoint': new URL(s3.endpoint).host,
      'serving.kserve.io/s3-usehttps': '0',
      'serving.kserve.io/s3-region': 'us-east-1',
    };
    const data = {
      AWS_ACCESS_KEY_ID: base64(s3.accessKeyId),
      AWS_SECRET_ACCESS_KEY: base64(s3.secretAccessKey),
    };
    await client.create(SECRETS, { metadata: { name: 's3', namespace: 'default', annotations }, data });
    const account = { metadata: { name: 'models', namespace: 'default' }, secrets: [{ name: 's3' }] };
    await client.create(SERVICE_ACCOUNTS, account);
    const wanted = predictorPod('p', 'sk', ({ spec }) => (spec.serviceAccountName = 'models'));
    return (await client.create(PODS, wanted)) as unknown as Pod;
  }

  const ask = (model: string): Promise<Prediction> => predict(pod.url, model, ROW);
  const setStorageUri = (name: string, storageUri: string): Promise<unknown> =>
    cluster.client.patch(
      TRAINED_MODELS,
      { namespace: 'default', name },
      { type: 'merge', body: { spec: { model: { storageUri } } } },
    );

  it('answers for each of the first models once the pod is ready', async () => {
    expect(await ask('one')).toEqual({ status: 200, value: 1 });
    expect(await ask('two')).toEqual({ status: 200, value: 2 });
    expect((await ask('three')).status).toBe(404);
  });

  it('answers for an added model', async () => {
    await createModel(cluster.client, trainedModel('three', 'sk', { storageUri: 's3://models/three' }));
    await eventually(async () => expect(await ask('three')).toEqual({ status: 200, value: 3 }));
  });

  it('updates and reverts a model without a failed request', async () => {
    const load = predictConstantly(() => ask('one'), 4);
    await eventually(() => expect(load.asked).toBeGreaterThan(50));
    await setStorageUri('one', 's3://models/three');
    await eventually(async () => expect(await ask('one')).toEqual({ status: 200, value: 3 }));
    await setStorageUri('one', 's3://models/one');
    await eventually(async () => expect(await ask('one')).toEqual({ status: 200, value: 1 }));
    const { asked, failed } = await load.stop();
    report('two updates by TrainedModel under constant requests', { asked, failed });
    expect(failed).toBe(0);
  });

  it('keeps the old version when an update cannot be downloaded', async () => {
    await setStorageUri('two', 's3://models/nowhere');
    await createModel(cluster.client, trainedModel('four', 'sk', { storageUri: 's3://models/two' }));
    await eventually(async () => expect(await ask('four')).toEqual({ status: 200, value: 2 }));
    expect(await ask('two')).toEqual({ status: 200, value: 2 });
  });

  it('answers 404 for a model whose TrainedModel is deleted', async () => {
    await cluster.client.delete(TRAINED_MODELS, { namespace: 'default', name: 'three' });
    await eventually(async () => expect((await ask('three')).status).toBe(404));
    expect(await ask('one')).toEqual({ status: 200, value: 1 });
  });
});
