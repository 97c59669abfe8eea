import { setTimeout as delay } from 'node:timers/promises';
import { kubectl, kubectlWithInput } from './kubectl.ts';

interface Listed {
  readonly items: readonly {
    readonly metadata: { readonly name: string; readonly generation?: number };
    readonly spec: { readonly replicas?: number };
    readonly status: { readonly observedGeneration?: number; readonly phase?: string };
  }[];
}

/**
 * A control plane of etcd and kube-apiserver alone does not roll out Deployments or empty deleted namespaces, and
 * kubectl waits for both. This does both during the work: Deployments are reported as rolled out at once, and all
 * objects of a deleted namespace are deleted.
 */
export async function withPlayedControllers<T>(kubeconfig: string, work: () => Promise<T>): Promise<T> {
  let working = true;
  const play = async (): Promise<void> => {
    while (working) {
      // A listed object may be gone a moment later, as for any controller. The next round handles it.
      await rollOut(kubeconfig).catch(sayWhy);
      await endNamespaces(kubeconfig).catch(sayWhy);
      await delay(100);
    }
  };
  const playing = play();
  try {
    return await work();
  } finally {
    working = false;
    await playing;
  }
}

function sayWhy(thrown: unknown): void {
  process.stderr.write(`a played controller tries again: ${String(thrown)}\n`);
}

async function rollOut(kubeconfig: string): Promise<void> {
  const namespace = ['-n', 'kserve-mms-system'];
  const { items } = await list(kubeconfig, 'deployments', ...namespace);
  for (const { metadata, spec, status } of items) {
    if (status.observedGeneration === metadata.generation) continue;
    const replicas = spec.replicas ?? 1;
    const counts = {
      replicas,
      updatedReplicas: replicas,
      readyReplicas: replicas,
      availableReplicas: replicas,
    };
    const done = JSON.stringify({ status: { observedGeneration: metadata.generation, ...counts } });
    const patch = ['patch', 'deployment', metadata.name, '--subresource=status', '--type=merge', '-p', done];
    await kubectl(kubeconfig, ...namespace, ...patch);
  }
}

async function endNamespaces(kubeconfig: string): Promise<void> {
  const { items } = await list(kubeconfig, 'namespaces');
  for (const { metadata, status } of items) {
    if (status.phase !== 'Terminating') continue;
    const { name } = metadata;
    const kinds = (
      await kubectl(kubeconfig, ...'api-resources --namespaced --verbs=delete -o name'.split(' '))
    )
      .trim()
      .split('\n');
    await kubectl(kubeconfig, '-n', name, 'delete', kinds.join(','), '--all', '--wait=false');
    const final = { apiVersion: 'v1', kind: 'Namespace', metadata: { name }, spec: { finalizers: [] } };
    const args = ['replace', '--raw', `/api/v1/namespaces/${name}/finalize`, '-f', '-'];
    await kubectlWithInput(kubeconfig, JSON.stringify(final), args);
  }
}

async function list(kubeconfig: string, ...what: readonly string[]): Promise<Listed> {
  return JSON.parse(await kubectl(kubeconfig, 'get', ...what, '-o', 'json')) as Listed;
}
