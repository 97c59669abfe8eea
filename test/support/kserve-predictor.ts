import type { ControlPlane } from '../../src/development/controlplane/control-plane.ts';
import type { KubernetesObject } from '../../src/contract/kubernetes.ts';
import { inferenceService } from './cluster-client.ts';
import { eventually } from './eventually.ts';
import { kubectl } from './kubectl.ts';
import { KSERVE_RUNTIME } from './kserve-install.ts';

/**
 * A multi-model InferenceService that KServe accepts. It has to name the runtime, because KServe v0.17 selects only
 * among runtimes that are not multi-model. Without a memory limit KServe admits no model.
 */
export function kserveInferenceService(name: string, memory = '100Gi'): KubernetesObject {
  const resources = { requests: { cpu: '1', memory: '1Gi' }, limits: { cpu: '1', memory } };
  return inferenceService(name, {
    model: { modelFormat: { name: 'sklearn' }, runtime: KSERVE_RUNTIME, resources },
  });
}

/**
 * Waits for the Deployment that KServe makes, and reports it as available, because there is no node. KServe writes no
 * model to models.json before the InferenceService is ready.
 */
export async function makePredictorReady({ kubeconfigPath }: ControlPlane, name: string): Promise<void> {
  const deployment = ['deployment', `${name}-predictor`];
  const now = new Date().toISOString();
  const condition = { status: 'True', message: '', lastUpdateTime: now, lastTransitionTime: now };
  const status = {
    observedGeneration: 1,
    replicas: 1,
    updatedReplicas: 1,
    readyReplicas: 1,
    availableReplicas: 1,
    conditions: [
      { type: 'Available', reason: 'MinimumReplicasAvailable', ...condition },
      { type: 'Progressing', reason: 'NewReplicaSetAvailable', ...condition },
    ],
  };
  const patch = ['--subresource=status', '--type=merge', '-p', JSON.stringify({ status })];
  await eventually(() => kubectl(kubeconfigPath, 'patch', ...deployment, ...patch));
  await eventually(async () => {
    const path = "jsonpath={.status.conditions[?(@.type=='Ready')].status}";
    const ready = await kubectl(kubeconfigPath, 'get', 'isvc', name, '-o', path);
    if (ready !== 'True') throw new Error(`InferenceService ${name} is not ready: ${ready}`);
  });
}
