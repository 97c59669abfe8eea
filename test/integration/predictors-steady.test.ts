import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { ApiClient } from '../../src/kube/api-client.ts';
import { getIfThere } from '../../src/kube/get-if-there.ts';
import {
  CLUSTER_SERVING_RUNTIMES,
  DEPLOYMENTS,
  INFERENCE_SERVICES,
  LEASES,
  SERVICES,
} from '../../src/kube/resources.ts';
import { createService, inferenceService } from '../support/cluster-client.ts';
import { eventually, eventuallyTrue } from '../support/eventually.ts';
import { kubectl } from '../support/kubectl.ts';
import {
  at,
  createRuntime,
  mlserverRuntime,
  modelPredictor,
  predictorsIn,
  startPredictorCluster,
  startPredictorManager,
} from '../support/predictor-cluster.ts';
import type { PredictorCluster } from '../support/predictor-cluster.ts';

describe('the controller of predictors over time', () => {
  let cluster: PredictorCluster;
  let client: ApiClient;
  let touched = 0;

  beforeAll(async () => {
    cluster = await startPredictorCluster();
    ({ client } = cluster);
    await createRuntime(client, mlserverRuntime());
  });

  afterAll(async () => {
    await cluster.stop();
  });

  const { deploymentOf, serviceOf, deployed } = predictorsIn(() => client);
  const merge = (resource: typeof DEPLOYMENTS | typeof SERVICES, name: string, body: object) =>
    client.patch(resource, at(name), { type: 'merge', body });

  describe('repairs what it has made', () => {
    beforeAll(async () => {
      await createService(client, inferenceService('kept', modelPredictor('kserve-mlserver')));
      await deployed('kept');
    });

    it.each([
      ['the number of pods', { spec: { replicas: 7 } }],
      ['a label', { metadata: { labels: { component: 'mine' } } }],
      [
        'an image',
        { spec: { template: { spec: { containers: [{ name: 'kserve-container', image: 'mine' }] } } } },
      ],
    ])('after an edit of %s of the Deployment', async (_, edit) => {
      await merge(DEPLOYMENTS, 'kept', edit);
      await eventually(async () => {
        const { spec, metadata } = await deploymentOf('kept');
        expect(spec.replicas).toBe(1);
        expect(metadata.labels?.['component']).toBe('predictor');
        expect(spec.template.spec.containers[0]).toMatchObject({
          image: 'docker.io/seldonio/mlserver:1.7.1',
          readinessProbe: { httpGet: { path: '/v2/health/ready' } },
        });
      });
    });

    it.each([
      ['the selector', { spec: { selector: { app: 'mine' } } }],
      ['one key more in the selector', { spec: { selector: { also: 'mine' } } }],
      ['a port', { spec: { ports: [{ name: 'http', port: 80, targetPort: 1234 }] } }],
    ])('after an edit of %s of the Service', async (_, edit) => {
      await merge(SERVICES, 'kept', edit);
      await eventually(async () => {
        const { spec } = await serviceOf('kept');
        expect(spec).toHaveProperty('selector', { app: 'isvc.kept-predictor' });
        expect(spec).toMatchObject({ ports: [{ port: 80, targetPort: 9081 }] });
      });
    });

    it.each([
      ['Deployment', DEPLOYMENTS],
      ['Service', SERVICES],
    ])('by recreating a deleted %s', async (_, resource) => {
      const { uid } = (await client.get(resource, at('kept'))).metadata;
      await client.delete(resource, at('kept'));
      await eventually(async () => {
        const recreated = await getIfThere(client, resource, at('kept'));
        expect(recreated?.metadata.uid).toBeDefined();
        expect(recreated?.metadata.uid).not.toBe(uid);
      });
    });

    it('and keeps what others add: a kubectl restart takes effect', async () => {
      const rollout = ['rollout', 'restart', 'deployment/kept-predictor'];
      await kubectl(cluster.controlPlane.kubeconfigPath, '-n', 'default', ...rollout);
      // An edit of our field, so that the next apply is visible.
      await merge(DEPLOYMENTS, 'kept', { spec: { replicas: 4 } });
      await eventually(async () => expect((await deploymentOf('kept')).spec.replicas).toBe(1));
      const { template } = (await deploymentOf('kept')).spec;
      expect(template.metadata.annotations).toHaveProperty(['kubectl.kubernetes.io/restartedAt']);
    });
  });

  describe('writes nothing in a steady state', () => {
    const WRITES = ['create', 'update', 'patch', 'delete'];
    const RESOURCES = ['deployments', 'services', 'inferenceservices', 'configmaps'];
    const writes = async (): Promise<number> => {
      const counts = WRITES.flatMap((verb) =>
        RESOURCES.map((resource) => cluster.manager.metric('mms_api_requests_total', { verb, resource })),
      );
      return (await Promise.all(counts)).reduce((sum, count) => sum + count, 0);
    };
    const reconciles = () => cluster.manager.metric('mms_predictor_reconcile_duration_seconds_count');

    /** Each change reconciles every InferenceService and changes none. */
    const touchRuntime = async (times: number): Promise<void> => {
      for (const last = touched + times; touched < last;) {
        const before = await reconciles();
        const body = { metadata: { annotations: { touched: String(++touched) } } };
        await client.patch(CLUSTER_SERVING_RUNTIMES, { name: 'kserve-mlserver' }, { type: 'merge', body });
        await eventuallyTrue('another look', async () => (await reconciles()) > before);
      }
    };

    it('across many reconciles', async () => {
      await createService(client, inferenceService('calm', modelPredictor('kserve-mlserver')));
      await deployed('calm');
      await touchRuntime(1);
      const before = await eventually(async () => {
        const count = await writes();
        await touchRuntime(1);
        expect(await writes()).toBe(count);
        return count;
      });
      await touchRuntime(10);
      expect(await writes()).toBe(before);
    });

    it('and after a restart', async () => {
      const versions = async () =>
        [
          await deploymentOf('calm'),
          await serviceOf('calm'),
          await client.get(INFERENCE_SERVICES, { namespace: 'default', name: 'calm' }),
        ].map(({ metadata }) => metadata.resourceVersion);
      const before = await versions();
      await cluster.manager.stop();
      cluster.manager = await startPredictorManager(cluster.controlPlane);
      await eventuallyTrue('it has looked', () =>
        cluster.manager.log().includes('"service":"default/calm-predictor"'),
      );
      await touchRuntime(2);
      expect(await versions()).toEqual(before);
    });
  });

  it("leaves everything to KServe's controllers once they hold their lease, and does not start beside them", async () => {
    await kubectl(cluster.controlPlane.kubeconfigPath, 'create', 'namespace', 'kserve');
    const lease = { namespace: 'kserve', name: 'kserve-controller-manager-leader-lock' };
    const spec = { holderIdentity: 'kserve-controller-manager-0', leaseDurationSeconds: 3600 };
    await client.create(LEASES, { metadata: lease, spec });
    const renew = async (): Promise<void> => {
      const renewTime = new Date().toISOString().replace('Z', '000Z');
      await client.patch(LEASES, lease, { type: 'merge', body: { spec: { renewTime } } });
    };
    await eventuallyTrue('it has noticed', () =>
      cluster.manager.log().includes('predictors are no longer managed'),
    );
    await createService(client, inferenceService('theirs', modelPredictor('kserve-mlserver')));

    const refused = await startPredictorManager(cluster.controlPlane, { waitUntilReady: false });
    await eventuallyTrue('it looks', () => refused.log().includes('checking whether it is alive'));
    await renew();
    await eventuallyTrue('it has ended', () => refused.log().includes('the manager has ended'));
    expect(await refused.stop()).not.toBe(0);
    expect(refused.log()).toContain('kserve-controller-manager-0 holds the lease');
    expect(refused.log()).toContain('overlays/beside-kserve');

    expect(await getIfThere(client, DEPLOYMENTS, at('theirs'))).toBeUndefined();
    await client.patch(LEASES, lease, { type: 'merge', body: { spec: { holderIdentity: '' } } });
    await deployed('theirs');
    const accepted = await startPredictorManager(cluster.controlPlane);
    expect(await accepted.stop()).toBe(0);
  });
});
