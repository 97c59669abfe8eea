import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { KubernetesObject } from '../../../src/contract/kubernetes.ts';
import { testMlserver, trainMany } from '../../support/mlserver.ts';
import { ROOT } from '../../support/page.ts';
import { startS3 } from '../../support/s3.ts';
import {
  answerOfModel,
  MOVING,
  predictionAt,
  protocolOfModel,
  requestOf,
} from '../../support/twelve-services.ts';
import { NODE_ADDRESS } from './addresses.ts';
import { withDiagnosis } from './diagnosis.ts';
import { install } from './installation.ts';
import { ownPods, sklearnserverRuntime, twelveServices } from './kserve-like.ts';
import { storageAccount } from './predictor.ts';
import { apply, run } from './this-node.ts';

/**
 * Twelve InferenceServices in a namespace, with Deployments and Services as KServe makes them for those that can share
 * pods.
 */
export interface TwelveScene {
  readonly namespace: string;
  /** The directory with a request for each model. */
  readonly requests: string;
  /** Sends a request by the old name's Service, each time on a new connection. */
  ask(name: string): Promise<string>;
  /** The number of predictor pods. */
  pods(): Promise<number>;
  end(): Promise<void>;
}

export async function twelveScene(namespace: string): Promise<TwelveScene> {
  const { python } = await testMlserver();
  const [trained, s3] = await Promise.all([
    trainMany(python, MOVING.length),
    startS3(undefined, NODE_ADDRESS),
    install(),
  ]);
  const requests = await mkdtemp(join(tmpdir(), 'kserve-mms-e2e-requests-'));
  const inNamespace = (...args: readonly string[]) => run('-n', namespace, ...args);
  const end = async (): Promise<void> => {
    await run('delete', 'namespace', namespace, '--ignore-not-found', '--timeout=180s');
    await s3.stop();
    await rm(requests, { recursive: true, force: true });
  };
  try {
    await run('apply', '-k', join(ROOT, 'manifests/runtimes'));
    await apply(sklearnserverRuntime());
    await apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } });
    await apply(...storageAccount(namespace, s3), ...twelveServices(namespace));
    const services = JSON.parse(await inNamespace('get', 'inferenceservices', '-o', 'json')) as {
      items: KubernetesObject[];
    };
    const owners = new Map(services.items.map(({ metadata }) => [metadata.name, metadata.uid ?? '']));
    for (const name of MOVING) {
      const model = trained[answerOfModel(name) - 1] ?? Buffer.alloc(0);
      await s3.putObject('models', `${name}/model.joblib`, model);
      await writeFile(join(requests, `${name}.json`), requestOf(protocolOfModel(name)));
      await apply(...ownPods(namespace, name, owners.get(name) ?? '', model));
    }
    await withDiagnosis(namespace, () =>
      inNamespace('wait', '--for=condition=Available', 'deployment', '--all', '--timeout=300s'),
    );
    const addresses = new Map<string, string>();
    for (const name of MOVING) {
      const address = ['get', 'service', `${name}-predictor`, '-o', 'jsonpath={.spec.clusterIP}'];
      addresses.set(name, await inNamespace(...address));
    }
    return {
      ...{ namespace, requests, end },
      ask: (name) => predictionAt(addresses.get(name) ?? '', name),
      async pods() {
        const listed = await inNamespace('get', 'pods', '-l', 'component=predictor', '-o', 'name');
        return listed.split('\n').filter((line) => line !== '').length;
      },
    };
  } catch (thrown) {
    await end();
    throw thrown;
  }
}
