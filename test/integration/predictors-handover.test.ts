import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { ApiClient } from '../../src/kube/api-client.ts';
import { DEPLOYMENTS, INFERENCE_SERVICES, SERVICES } from '../../src/kube/resources.ts';
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
  startPredictorCluster,
} from '../support/predictor-cluster.ts';
import type { PredictorCluster } from '../support/predictor-cluster.ts';

const AUTOSCALER = 'serving.kserve.io/autoscalerClass';
const STOP = 'serving.kserve.io/stop';

describe('defaults of the API server and fields of other managers', () => {
  let cluster: PredictorCluster;
  let client: ApiClient;

  beforeAll(async () => {
    cluster = await startPredictorCluster();
    ({ client } = cluster);
    await createRuntime(client, mlserverRuntime());
  });

  afterAll(() => cluster.stop());

  const { deploymentOf, serviceOf, deployed } = predictorsIn(() => client);
  const merge = (name: string, body: object) =>
    client.patch(INFERENCE_SERVICES, { namespace: 'default', name }, { type: 'merge', body });
  const annotate = (name: string, annotations: object) => merge(name, { metadata: { annotations } });
  const container = async (name: string): Promise<Record<string, unknown>> =>
    (await deploymentOf(name)).spec.template.spec.containers[0] as unknown as Record<string, unknown>;

  /** A custom predictor, which lets the test set every field. */
  const custom = (fields: object = {}, pod: object = {}): object => ({
    containers: [
      {
        ...{ name: 'kserve-container', image: 'server:1' },
        env: [{ name: 'MULTI_MODEL_SERVER', value: 'true' }],
        ...fields,
      },
    ],
    ...pod,
  });
  const OPT_IN = { name: 'MULTI_MODEL_SERVER', value: 'true' };
  const http = { httpGet: { path: '/ready', port: 8080 } };
  const volume = (source: object): object => ({ volumes: [{ name: 'files', ...source }] });
  const field = { fieldRef: { fieldPath: 'metadata.name' } };

  describe('do not prevent', () => {
    it.each<[string, object, object, (name: string) => Promise<unknown>]>([
      [
        'a strategy Recreate in place of the default',
        custom(),
        custom({}, { deploymentStrategy: { type: 'Recreate' } }),
        async (name) =>
          expect((await deploymentOf(name)).spec).toHaveProperty('strategy', { type: 'Recreate' }),
      ],
      [
        'a rolling update in place of Recreate',
        custom({}, { deploymentStrategy: { type: 'Recreate' } }),
        custom(
          {},
          {
            deploymentStrategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 0, maxUnavailable: 1 } },
          },
        ),
        async (name) =>
          expect((await deploymentOf(name)).spec).toHaveProperty('strategy.rollingUpdate.maxUnavailable', 1),
      ],
      [
        'another handler of a probe',
        custom({ readinessProbe: http, livenessProbe: http }),
        custom({
          readinessProbe: { tcpSocket: { port: 8080 } },
          livenessProbe: { exec: { command: ['true'] } },
        }),
        async (name) => {
          const { readinessProbe, livenessProbe } = await container(name);
          expect(readinessProbe).toMatchObject({ tcpSocket: { port: 8080 } });
          expect(readinessProbe).not.toHaveProperty('httpGet');
          expect(livenessProbe).not.toHaveProperty('httpGet');
        },
      ],
      [
        'no probe in place of one',
        custom({ livenessProbe: http }),
        custom(),
        async (name) => expect(await container(name)).not.toHaveProperty('livenessProbe'),
      ],
      [
        'another handler of a hook',
        custom({ lifecycle: { preStop: http } }),
        custom({ lifecycle: { preStop: { exec: { command: ['true'] } } } }),
        async (name) =>
          expect(await container(name)).toHaveProperty('lifecycle', {
            preStop: { exec: { command: ['true'] } },
          }),
      ],
      [
        'another source of a volume',
        custom({}, volume({ configMap: { name: 'a' } })),
        custom({}, volume({ emptyDir: {} })),
        async (name) =>
          expect((await deploymentOf(name)).spec.template.spec.volumes).toEqual([
            { name: 'files', emptyDir: {} },
          ]),
      ],
      [
        'a value in place of a reference',
        custom({ env: [OPT_IN, { name: 'A', valueFrom: field }] }),
        custom({ env: [OPT_IN, { name: 'A', value: 'a' }] }),
        async (name) => expect(await container(name)).toHaveProperty('env.1', { name: 'A', value: 'a' }),
      ],
      [
        'a port of the same name under another number',
        custom({ ports: [{ name: 'http', containerPort: 8080 }] }),
        custom({ ports: [{ name: 'http', containerPort: 9000 }] }),
        async (name) =>
          expect(await container(name)).toHaveProperty('ports', [
            { name: 'http', containerPort: 9000, protocol: 'TCP' },
          ]),
      ],
    ])('%s', async (what, before, after, check) => {
      const name = `f-${what
        .replaceAll(/[^a-z]+/gi, '-')
        .toLowerCase()
        .slice(0, 30)}x`;
      await createService(client, inferenceService(name, before));
      await deployed(name);
      await merge(name, { spec: { predictor: { deploymentStrategy: null, volumes: null, ...after } } });
      await eventually(() => check(name));
      // The next change is applied as usual.
      const [first] = (after as { containers: object[] }).containers;
      await merge(name, { spec: { predictor: { containers: [{ ...first, image: 'server:2' }] } } });
      await eventually(async () => expect(await container(name)).toHaveProperty('image', 'server:2'));
    });
  });

  describe('are reverted when they conflict with the wanted state:', () => {
    beforeAll(async () => {
      const predictor = custom({ ports: [{ name: 'http', containerPort: 8080 }], readinessProbe: http });
      await createService(client, inferenceService('edited', predictor));
      await deployed('edited');
    });

    it('a port of the Service, by number or protocol; the clusterIP is kept', async () => {
      const { clusterIP } = (await serviceOf('edited')).spec as { clusterIP: string };
      for (const port of [{ port: 81 }, { port: 80, protocol: 'UDP' }]) {
        const ports = [{ name: 'http', targetPort: 9081, ...port }];
        await client.patch(SERVICES, at('edited'), { type: 'merge', body: { spec: { ports } } });
        await eventually(async () => {
          const { spec } = await serviceOf('edited');
          expect(spec).toMatchObject({ clusterIP, ports: [{ name: 'http', port: 80, protocol: 'TCP' }] });
          expect((spec as { ports: unknown[] }).ports).toHaveLength(1);
        });
      }
    });

    it('a port and a probe of the container; a kubectl restart and an added container are kept', async () => {
      const { kubeconfigPath } = cluster.controlPlane;
      await kubectl(kubeconfigPath, ...'-n default rollout restart deployment/edited-predictor'.split(' '));
      const { containers } = (await deploymentOf('edited')).spec.template.spec;
      const [first] = containers;
      const changed = {
        ...first,
        ports: [{ name: 'http', containerPort: 8081 }],
        readinessProbe: { exec: { command: ['false'] } },
      };
      const spec = { template: { spec: { containers: [changed] } } };
      await client.patch(DEPLOYMENTS, at('edited'), { type: 'merge', body: { spec } });
      await eventually(async () => {
        const { ports, readinessProbe } = await container('edited');
        expect(ports).toEqual([{ name: 'http', containerPort: 8080, protocol: 'TCP' }]);
        expect(readinessProbe).toHaveProperty('httpGet.path', '/ready');
        expect(readinessProbe).not.toHaveProperty('exec');
      });
      const { metadata } = (await deploymentOf('edited')).spec.template;
      expect(metadata.annotations).toHaveProperty(['kubectl.kubernetes.io/restartedAt']);
      // No leftover field ownership would keep a field that is no longer wanted.
      await eventually(async () => {
        const { managedFields } = (await client.get(DEPLOYMENTS, at('edited'))).metadata as unknown as {
          managedFields: { manager: string; operation: string }[];
        };
        expect(managedFields).not.toContainEqual(
          expect.objectContaining({ manager: 'kserve-mms-predictors', operation: 'Update' }),
        );
      });
    });

    it('a spec that is never valid is refused with the message of the API server', async () => {
      const after = custom({ readinessProbe: { ...http, tcpSocket: { port: 1 } } });
      await merge('edited', { spec: { predictor: after } });
      await eventually(async () =>
        expect(await readCondition(client, 'edited', 'PredictorReady')).toMatchObject({
          reason: 'DeploymentRefused',
          message: expect.stringContaining('more than 1 handler'),
        }),
      );
    });
  });

  describe('the number of pods', () => {
    const replicas = async (name: string): Promise<number> => (await deploymentOf(name)).spec.replicas;
    const scale = (name: string, to: number) =>
      kubectl(
        cluster.controlPlane.kubeconfigPath,
        ...['-n', 'default', 'scale', `deployment/${name}-predictor`, `--replicas=${to}`],
      );
    /** Waits until the manager has applied the annotation, and returns each number of replicas seen until then. */
    const numbersUntil = async (
      name: string,
      key: string,
      value: string | undefined,
    ): Promise<Set<number>> => {
      const seen = new Set<number>();
      await eventually(async () => {
        const { spec, metadata } = await deploymentOf(name);
        seen.add(spec.replicas);
        expect(metadata.annotations?.[key]).toBe(value);
      });
      seen.add(await replicas(name));
      return seen;
    };

    it('is kept when an autoscaler takes over, and then belongs to the autoscaler', async () => {
      await createService(client, inferenceService('handed', modelPredictor(undefined, { minReplicas: 5 })));
      expect((await deployed('handed')).spec.replicas).toBe(5);
      await annotate('handed', { [AUTOSCALER]: 'external' });
      expect([...(await numbersUntil('handed', AUTOSCALER, 'external'))]).toEqual([5]);
      await scale('handed', 7);
      await annotate('handed', { mine: 'x' });
      expect([...(await numbersUntil('handed', 'mine', 'x'))]).toEqual([7]);
      // An autoscaler is often removed for a moment, so its number is kept until the user sets another.
      await annotate('handed', { [AUTOSCALER]: null });
      expect([...(await numbersUntil('handed', AUTOSCALER, undefined))]).toEqual([7]);
      await scale('handed', 2);
      await eventually(async () => expect(await replicas('handed')).toBe(7));
      await annotate('handed', { [AUTOSCALER]: 'external' });
      expect([...(await numbersUntil('handed', AUTOSCALER, 'external'))]).toEqual([7]);
    });

    it('is kept when the autoscaler is removed, until minReplicas changes', async () => {
      const NUMBER = 'kserve-mms/replicas-of-autoscaler';
      await createService(
        client,
        inferenceService('given-up', modelPredictor(undefined, { minReplicas: 2 })),
      );
      await deployed('given-up');
      await annotate('given-up', { [AUTOSCALER]: 'external' });
      await numbersUntil('given-up', AUTOSCALER, 'external');
      await scale('given-up', 6);
      await annotate('given-up', { [STOP]: 'true', [AUTOSCALER]: null });
      await eventually(async () => expect(await replicas('given-up')).toBe(0));
      await annotate('given-up', { [STOP]: null });
      await eventually(async () => expect(await replicas('given-up')).toBe(6));
      await merge('given-up', { spec: { predictor: { minReplicas: 3 } } });
      await eventually(async () => expect(await replicas('given-up')).toBe(3));
      expect((await deploymentOf('given-up')).metadata.annotations?.[NUMBER]).toBeUndefined();
    });

    it('returns to minReplicas when the recorded number is removed from the Deployment', async () => {
      await createService(client, inferenceService('let-go', modelPredictor(undefined, { minReplicas: 2 })));
      await deployed('let-go');
      await annotate('let-go', { [AUTOSCALER]: 'external' });
      await numbersUntil('let-go', AUTOSCALER, 'external');
      await scale('let-go', 6);
      await annotate('let-go', { [AUTOSCALER]: null });
      await numbersUntil('let-go', AUTOSCALER, undefined);
      await kubectl(
        cluster.controlPlane.kubeconfigPath,
        ...['-n', 'default', 'annotate', 'deployment/let-go-predictor'],
        'kserve-mms/replicas-of-autoscaler-',
      );
      await eventually(async () => expect(await replicas('let-go')).toBe(2));
    });

    it('is restored after a stop and a start, repeatedly', async () => {
      await createService(client, inferenceService('rested', modelPredictor()));
      await deployed('rested');
      await annotate('rested', { [AUTOSCALER]: 'external' });
      await numbersUntil('rested', AUTOSCALER, 'external');
      for (const number of [6, 4]) {
        await scale('rested', number);
        await annotate('rested', { [STOP]: 'true' });
        await eventually(async () => expect(await replicas('rested')).toBe(0));
        expect((await readCondition(client, 'rested', 'Stopped')).status).toBeDefined();
        await eventually(async () =>
          expect((await readCondition(client, 'rested', 'Stopped')).status).toBe('True'),
        );
        await annotate('rested', { [STOP]: null });
        await eventually(async () => expect(await replicas('rested')).toBe(number));
        await eventually(async () =>
          expect((await readCondition(client, 'rested', 'Stopped')).status).toBe('False'),
        );
      }
    });

    it('goes to 0 on a stop without a runtime, and is restored with both', async () => {
      await createRuntime(client, mlserverRuntime('passing'));
      await createService(client, inferenceService('bare', modelPredictor('passing', { minReplicas: 3 })));
      await deployed('bare');
      await kubectl(cluster.controlPlane.kubeconfigPath, 'delete', 'clusterservingruntime', 'passing');
      await annotate('bare', { [STOP]: 'true' });
      await eventually(async () => expect(await replicas('bare')).toBe(0));
      await eventually(async () =>
        expect((await readCondition(client, 'bare', 'Stopped')).status).toBe('True'),
      );
      await createRuntime(client, mlserverRuntime('passing'));
      await annotate('bare', { [STOP]: null });
      await eventually(async () => expect(await replicas('bare')).toBe(3));
      await kubectl(cluster.controlPlane.kubeconfigPath, 'delete', 'clusterservingruntime', 'passing');
    });
  });
});
