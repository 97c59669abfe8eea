import { join } from 'node:path';
import type { ControlPlane } from '../../src/development/controlplane/control-plane.ts';
import { eventually } from './eventually.ts';
import { kubectl, kubectlWithInput } from './kubectl.ts';
import { KSERVE_VERSION, type KServePrograms } from './kserve-programs.ts';

/** KServe's default image; never pulled here. */
export const KSERVE_AGENT_IMAGE = `kserve/agent:${KSERVE_VERSION}`;

/**
 * The least of KServe's settings that its manager starts and makes plain Deployments with: no Knative, no Istio, no
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

/** The one of {@link RUNTIME}. */
export const KSERVE_RUNTIME = 'mms-sklearn';

/** A runtime that makes multi-model predictors; what it runs is not looked at, since no node runs it. */
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

/** Installs what KServe's manager needs: its definitions as they were published, its namespace, its settings, a runtime. */
export async function installKServe(
  { kubeconfigPath }: ControlPlane,
  { module }: KServePrograms,
): Promise<void> {
  const definitions = join(module, 'config', 'crd', 'full');
  // By the server: the definitions are too large for the annotation that kubectl would leave otherwise.
  await kubectl(kubeconfigPath, 'apply', '--server-side', '-k', definitions);
  const kinds = ['inferenceservices', 'trainedmodels', 'clusterservingruntimes'];
  const names = kinds.map((kind) => `crd/${kind}.serving.kserve.io`);
  // Refused, not waited for, as long as the API server has not set the first condition.
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
