import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { ApiClient } from '../../src/kube/api-client.ts';
import { isApiError } from '../../src/kube/api-error.ts';
import { createService, inferenceService } from '../support/cluster-client.ts';
import { eventually } from '../support/eventually.ts';
import {
  createRuntime,
  mlserverRuntime,
  modelPredictor,
  predictorsIn,
  readCondition,
  startPredictorCluster,
} from '../support/predictor-cluster.ts';
import type { PredictorCluster } from '../support/predictor-cluster.ts';

describe('predictors and runtimes with sloppy specs', () => {
  let cluster: PredictorCluster;
  let client: ApiClient;

  beforeAll(async () => {
    cluster = await startPredictorCluster();
    ({ client } = cluster);
    await createRuntime(client, mlserverRuntime());
  });

  afterAll(() => cluster.stop());

  const { deployed } = predictorsIn(() => client);

  describe('a key that a pod may repeat and server-side apply may not', () => {
    it('is applied once', async () => {
      const twice = <T extends object>(entry: T): T[] => [entry, { ...entry }];
      const pod = {
        imagePullSecrets: [...twice({ name: 'registry' }), { name: 'mirror' }],
        hostAliases: [
          { ip: '10.0.0.1', hostnames: ['a.example'] },
          { ip: '10.0.0.1', hostnames: ['b.example'] },
        ],
      };
      await createService(client, inferenceService('twice', modelPredictor(undefined, pod)));
      const { spec } = (await deployed('twice')).spec.template;
      expect(spec).toMatchObject({
        imagePullSecrets: [{ name: 'registry' }, { name: 'mirror' }],
        hostAliases: [{ ip: '10.0.0.1', hostnames: ['a.example', 'b.example'] }],
      });
    });
  });

  describe('a runtime with absurd fields', () => {
    const absurd = (name: string, change: object): ReturnType<typeof mlserverRuntime> => {
      const runtime = mlserverRuntime(name);
      // Selected by its name only, so that no other predictor uses it.
      const supportedModelFormats = [{ name: 'sklearn' }];
      return { ...runtime, spec: { ...runtime.spec, supportedModelFormats, ...change } };
    };
    const deep: unknown = JSON.parse(`${'{"a":'.repeat(2_000)}1${'}'.repeat(2_000)}`);

    it.each<[string, object]>([
      ['of a container without an image', { containers: [{ name: 'kserve-container' }] }],
      [
        'of nonsense in the place of quantities',
        { containers: [{ name: 'kserve-container', image: 'a:1', resources: { limits: { cpu: 'much' } } }] },
      ],
      ['of fields nested without end', { affinity: { nodeAffinity: deep } }],
      [
        'of a port beyond all ports',
        { containers: [{ name: 'kserve-container', image: 'a:1', ports: [{ containerPort: 99_999 }] }] },
      ],
    ])('%s is refused, or its predictors report the error; others are not affected', async (what, change) => {
      const name = what.replaceAll(/[^a-z]+/g, '-').slice(0, 30);
      const made = await createRuntime(client, absurd(name, change)).then(
        () => true,
        (thrown: unknown) => {
          expect(isApiError(thrown, 'API_INVALID', 'API_BAD_REQUEST')).toBe(true);
          return false;
        },
      );
      await createService(client, inferenceService(name, modelPredictor(name)));
      await eventually(async () => {
        const { status, reason } = await readCondition(client, name, 'PredictorReady');
        expect(status).toBe('False');
        expect(['DeploymentRefused', 'InvalidPredictorSpec', 'RuntimeNotRecognized']).toContain(reason);
        expect(made || reason === 'RuntimeNotRecognized').toBe(true);
      });
      await createService(client, inferenceService(`by-${name}`, modelPredictor('kserve-mlserver')));
      await deployed(`by-${name}`);
    });
  });
});
