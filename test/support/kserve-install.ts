import { join } from 'node:path';
import type { ControlPlane } from '../../src/development/controlplane/control-plane.ts';
import { eventually } from './eventually.ts';
import { kubectl, kubectlWithInput } from './kubectl.ts';
import { KSERVE_VERSION, type KServePrograms } from './kserve-programs.ts';

/** KServe's default image; never pulled here. */
export const KSERVE_AGENT_IMAGE = `kserve/agent:${KSERVE_VERSION}`;

/**
 * The minimal settings with which KServe's manager starts and makes plain Deployments: no Knative, no Istio, no
 * Ingress. The keys are those of KServe v0.17, pkg/apis/serving/v1beta1/configmap.go and pkg/webhook/admission/pod.
 */
const SYSTEM_CONFIG = {
  deploy: { defaultDeploymentMode: 'Standard' },
  ingress: {
    ingressGateway: 'kserve/none',
    ingressDomain: 'example.com',
    disableIstioVirtualHost: true,
    disableIngressCreation: true,
  },
  agent: {
    image: KSERVE_AGENT_IMAGE,
    memoryRequest: '100Mi',
    memoryLimit: '1Gi',
    cpuRequest: '100m',
    cpuLimit: '1',
  },
  logger: {
    image: KSERVE_AGENT_IMAGE,
    memoryRequest: '100Mi',
    memoryLimit: '1Gi',
    cpuRequest: '100m',
    cpuLimit: '1',
    defaultUrl: 'http://default-broker',
  },
  batcher: {
    image: KSERVE_AGENT_IMAGE,
    memoryRequest: '1Gi',
    memoryLimit: '1Gi',
    cpuRequest: '1',
    cpuLimit: '1',
    maxBatchSize: '32',
    maxLatency: '5000',
  },
  storageInitializer: {
    image: `kserve/storage-initializer:${KSERVE_VERSION}`,
    memoryRequest: '100Mi',
    memoryLimit: '1Gi',
    cpuRequest: '100m',
    cpuLimit: '1',
  },
  metricsAggregator: { enableMetricAggregation: 'false', enablePrometheusScraping: 'false' },
  credentials: {},
} as const;

/** The runtime's name in {@link RUNTIME}. */
export const KSERVE_RUNTIME = 'mms-sklearn';

/** A runtime for multi-model predictors. Its image does not matter, because no node runs it. */
const RUNTIME = {
  apiVersion: 'serving.kserve.io/v1alpha1',
  kind: 'ClusterServingRuntime',
  metadata: { name: KSERVE_RUNTIME },
  spec: {
    multiModel: true,
    protocolVersions: ['v1', 'v2'],
    supportedModelFormats: [{ name: 'sklearn', version: '1', autoSelect: true }],
    containers: [
      { name: 'kserve-container', image: 'mlserver', ports: [{ containerPort: 8080, protocol: 'TCP' }] },
    ],
  },
};

/** Installs what KServe's manager needs: its published definitions, its namespace, its settings, a runtime. */
export async function installKServe(
  { kubeconfigPath }: ControlPlane,
  { module }: KServePrograms,
): Promise<void> {
  const definitions = join(module, 'config', 'crd', 'full');
  // Server-side, because the definitions exceed the size of kubectl's last-applied annotation.
  await kubectl(kubeconfigPath, 'apply', '--server-side', '-k', definitions);
  const kinds = ['inferenceservices', 'trainedmodels', 'clusterservingruntimes'];
  const names = kinds.map((kind) => `crd/${kind}.serving.kserve.io`);
  // kubectl wait fails instead of waiting until the API server has set the first condition.
  await eventually(() => kubectl(kubeconfigPath, 'wait', '--for=condition=Established', ...names));
  await apply(kubeconfigPath, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'kserve' } });
  await apply(kubeconfigPath, {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'inferenceservice-config', namespace: 'kserve' },
    data: kserveSystemConfig(),
  });
  await apply(kubeconfigPath, RUNTIME);
}

/** The data of ConfigMap `inferenceservice-config` that {@link installKServe} makes. */
export function kserveSystemConfig(): Record<string, string> {
  const data = Object.entries(SYSTEM_CONFIG).map(([key, value]) => [key, JSON.stringify(value)]);
  return Object.fromEntries(data) as Record<string, string>;
}

async function apply(kubeconfig: string, object: object): Promise<void> {
  await kubectlWithInput(kubeconfig, JSON.stringify(object), ['apply', '-f', '-']);
}
