import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import type { KubernetesObject } from '../../src/contract/kubernetes.ts';
import type { InferenceService } from '../../src/contract/inference-service.ts';
import type { ControlPlane } from '../../src/development/controlplane/control-plane.ts';
import type { ApiClient } from '../../src/kube/api-client.ts';
import {
  CLUSTER_SERVING_RUNTIMES,
  DEPLOYMENTS,
  INFERENCE_SERVICES,
  SERVICES,
} from '../../src/kube/resources.ts';
import type { Pod } from '../../src/contract/pod.ts';
import { eventually } from './eventually.ts';
import { clientFor } from './api-access.ts';
import { testControlPlane } from './control-plane.ts';
import { startTestManager } from './manager.ts';
import type { TestManager } from './manager.ts';

/** A real control plane with a real `mms manager --local --predictors`. */
export interface PredictorCluster {
  readonly controlPlane: ControlPlane;
  readonly client: ApiClient;
  manager: TestManager;
  stop(): Promise<void>;
}

export async function startPredictorCluster(): Promise<PredictorCluster> {
  const controlPlane = await testControlPlane();
  const client = clientFor(controlPlane);
  const cluster: PredictorCluster = {
    ...{ controlPlane, client, manager: await startPredictorManager(controlPlane) },
    async stop() {
      await cluster.manager.stop();
      await client.close();
      await controlPlane.stop();
    },
  };
  return cluster;
}

export function startPredictorManager(
  controlPlane: ControlPlane,
  options: { readonly waitUntilReady?: boolean } = {},
): Promise<TestManager> {
  return startTestManager({ kubeconfig: controlPlane.kubeconfigPath, args: ['--predictors'], ...options });
}

export interface SeenDeployment extends KubernetesObject {
  readonly spec: { readonly replicas: number; readonly selector: object; readonly template: Pod };
}

/** The name of the Deployment and the Service of an InferenceService. */
export const at = (name: string, namespace = 'default') => ({ namespace, name: `${name}-predictor` });

/** Reads the objects made for InferenceServices. */
export function predictorsIn(client: () => ApiClient) {
  const deploymentOf = async (name: string, namespace?: string): Promise<SeenDeployment> =>
    (await client().get(DEPLOYMENTS, at(name, namespace))) as unknown as SeenDeployment;
  return {
    deploymentOf,
    serviceOf: (name: string) => client().get(SERVICES, at(name)),
    /** Waits until both exist. */
    deployed: (name: string, namespace?: string): Promise<SeenDeployment> =>
      eventually(async () => {
        const deployment = await deploymentOf(name, namespace);
        await client().get(SERVICES, at(name, namespace));
        return deployment;
      }),
  };
}

/** The MLServer runtime of the manifests, under another name if given. */
export function mlserverRuntime(name?: string): KubernetesObject & { spec: Record<string, unknown> } {
  const file = new URL('../../manifests/runtimes/mlserver.yaml', import.meta.url);
  const runtime = parse(readFileSync(file, 'utf8')) as KubernetesObject & { spec: Record<string, unknown> };
  return name === undefined ? runtime : { ...runtime, metadata: { ...runtime.metadata, name } };
}

export const createRuntime = (client: ApiClient, runtime: KubernetesObject): Promise<unknown> =>
  client.create(CLUSTER_SERVING_RUNTIMES, runtime);

/** A multi-model predictor of the new schema that names its runtime, or lets it be selected. */
export function modelPredictor(runtime?: string, more: object = {}): object {
  return {
    model: {
      modelFormat: { name: 'sklearn' },
      protocolVersion: 'v2',
      ...(runtime === undefined ? {} : { runtime }),
    },
    ...more,
  };
}

export interface SeenCondition {
  readonly type: string;
  readonly status: string;
  readonly reason?: string;
  readonly message?: string;
  readonly lastTransitionTime: string;
}

export interface SeenStatus {
  readonly url?: string;
  readonly observedGeneration?: number;
  readonly conditions?: readonly SeenCondition[];
  readonly [field: string]: unknown;
}

export async function readStatus(
  client: ApiClient,
  name: string,
  namespace = 'default',
): Promise<SeenStatus> {
  const { status = {} } = (await client.get(INFERENCE_SERVICES, { namespace, name })) as InferenceService & {
    status?: SeenStatus;
  };
  return status;
}

/** @throws if the condition does not exist yet */
export async function readCondition(
  client: ApiClient,
  name: string,
  type: string,
  namespace = 'default',
): Promise<SeenCondition> {
  const { conditions = [] } = await readStatus(client, name, namespace);
  const condition = conditions.find((candidate) => candidate.type === type);
  if (condition === undefined) throw new Error(`InferenceService ${name} has no condition ${type} yet`);
  return condition;
}

/** Writes the Deployment status of running pods; no Deployment controller runs here. */
export async function reportAvailable(client: ApiClient, name: string, available = true): Promise<void> {
  const deployment = await client.get(DEPLOYMENTS, { namespace: 'default', name });
  const [status, reason] = available
    ? ['True', 'MinimumReplicasAvailable']
    : ['False', 'MinimumReplicasUnavailable'];
  const conditions = [
    { type: 'Available', status, reason, message: `reported as ${reason}` },
    { type: 'Progressing', status: 'True', reason: 'NewReplicaSetAvailable', message: '' },
  ];
  const observedGeneration = deployment.metadata.generation ?? 0;
  const { replicas } = (deployment as unknown as SeenDeployment).spec;
  const ready = available ? replicas : null;
  const counts = { replicas, updatedReplicas: replicas, readyReplicas: ready, availableReplicas: ready };
  await client.patch(
    DEPLOYMENTS,
    { namespace: 'default', name },
    { type: 'merge', body: { status: { observedGeneration, ...counts, conditions } } },
    { subresource: 'status' },
  );
}
