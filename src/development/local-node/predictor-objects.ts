import type { KubernetesObject } from '../../contract/kubernetes.ts';
import { AGENT_PORT_NAME, CONTAINERS, INFERENCE_SERVICE_LABEL } from '../../contract/names.ts';
import type { Pod } from '../../contract/pod.ts';
import type { Deployment } from '../../contract/predictor-outcome.ts';
import type { AgentPorts } from '../demo/local-pod.ts';

/** A Deployment with its template, which the manager has no need to read. */
export interface PodMaker extends Deployment {
  readonly spec?: { readonly replicas?: number; readonly template: Pod };
}

/** The node that such pods are on. */
const NODE = 'this-machine';

/** The pod of a Deployment as its controllers would make it, before admission. */
export function podOf({ metadata, spec }: PodMaker, index: number): Pod {
  const template = spec?.template;
  const { namespace = '', name, uid = '' } = metadata;
  return {
    metadata: {
      ...template?.metadata,
      ...{ namespace, name: `${name}-${index}` },
      ownerReferences: [{ apiVersion: 'apps/v1', kind: 'Deployment', name, uid, controller: true }],
    },
    spec: { containers: [], ...template?.spec, nodeName: NODE },
  };
}

/** An injected pod whose agent listens at these ports of the loopback. */
export function withAgentPorts(pod: Pod, { host, port, status }: AgentPorts): Pod {
  const containers = pod.spec.containers.map((container) =>
    container.name === CONTAINERS.agent
      ? {
          ...container,
          args: [...(container.args ?? []), '--host', host, '--status-port', String(status)],
          ports: [{ name: AGENT_PORT_NAME, containerPort: port }],
        }
      : container,
  );
  const { namespace, name, labels, annotations, ownerReferences } = pod.metadata;
  const metadata = {
    ...(namespace !== undefined && { namespace }),
    ...(name !== undefined && { name }),
    ...(labels !== undefined && { labels }),
    ...(annotations !== undefined && { annotations }),
    ...(ownerReferences !== undefined && { ownerReferences }),
  };
  return { metadata, spec: { ...pod.spec, containers } };
}

/** What kubelet says of a pod, in its status. */
export function podStatus(pod: Pod, ip: string, ready: boolean): object {
  const status = ready ? 'True' : 'False';
  return {
    ...{ phase: 'Running', podIP: ip, podIPs: [{ ip }] },
    conditions: ['PodScheduled', 'Initialized', 'ContainersReady', 'Ready'].map((type) => ({
      type,
      status: type === 'PodScheduled' || type === 'Initialized' ? 'True' : status,
    })),
    containerStatuses: pod.spec.containers.map(({ name, image = '' }) => ({
      ...{ name, image, imageID: image, ready, started: ready, restartCount: 0 },
      state: { running: {} },
    })),
  };
}

/** What the controller of Deployments says of one. */
export function deploymentStatus({ metadata, spec }: PodMaker, running: number, ready: number): object {
  const isAvailable = ready >= (spec?.replicas ?? 1);
  return {
    observedGeneration: metadata.generation ?? 0,
    ...{ replicas: running, updatedReplicas: running, readyReplicas: ready, availableReplicas: ready },
    unavailableReplicas: Math.max(0, (spec?.replicas ?? 1) - ready),
    conditions: [
      {
        type: 'Available',
        status: isAvailable ? 'True' : 'False',
        reason: isAvailable ? 'MinimumReplicasAvailable' : 'MinimumReplicasUnavailable',
        message: isAvailable ? 'its pods run on this machine' : 'its pods start on this machine',
      },
    ],
  };
}

/** Where the requests to a predictor's Service would go. */
export function endpointsOf({ metadata }: PodMaker, ip: string, ready: number): KubernetesObject {
  const { namespace = '', name, labels } = metadata;
  const service = labels?.[INFERENCE_SERVICE_LABEL] ?? '';
  return {
    metadata: {
      ...{ namespace, name: `${name}-local` },
      labels: { 'kubernetes.io/service-name': name, [INFERENCE_SERVICE_LABEL]: service },
    },
    ...{ addressType: 'IPv4', endpoints: [{ addresses: [ip], conditions: { ready: ready > 0 } }] },
  };
}
