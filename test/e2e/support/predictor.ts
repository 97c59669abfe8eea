import { MLSERVER_IMAGE } from './images.ts';
import type { KubernetesObject } from '../../../src/core/kubernetes.ts';
import type { TestS3 } from '../../support/s3.ts';

/** A namespace for models that admits only pods of the Pod Security Standard `restricted`. */
export function restrictedNamespace(name: string): object {
  const labels = { 'pod-security.kubernetes.io/enforce': 'restricted' };
  return { apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels } };
}

/** The object store's credentials as KServe's users write them: a Secret, and a service account that names it. */
export function storageAccount(namespace: string, s3: TestS3): object[] {
  const annotations = {
    'serving.kserve.io/s3-endpoint': new URL(s3.endpoint).host,
    'serving.kserve.io/s3-usehttps': '0',
    'serving.kserve.io/s3-region': 'us-east-1',
  };
  const stringData = { AWS_ACCESS_KEY_ID: s3.accessKeyId, AWS_SECRET_ACCESS_KEY: s3.secretAccessKey };
  return [
    { apiVersion: 'v1', kind: 'Secret', metadata: { name: 's3', namespace, annotations }, stringData },
    {
      apiVersion: 'v1',
      kind: 'ServiceAccount',
      metadata: { name: 'models', namespace },
      secrets: [{ name: 's3' }],
    },
  ];
}

export function multiModelService(namespace: string, name: string): object {
  return {
    apiVersion: 'serving.kserve.io/v1beta1',
    kind: 'InferenceService',
    metadata: { name, namespace },
    spec: {
      predictor: {
        serviceAccountName: 'models',
        model: {
          modelFormat: { name: 'sklearn' },
          protocolVersion: 'v2',
          resources: { limits: { memory: '2Gi' } },
        },
      },
    },
  };
}

/** The Deployment and the Service of an InferenceService's predictor, for a cluster in which nobody makes them. */
export function predictorWorkload(namespace: string, name: string, replicas = 1): object[] {
  const labels = predictorLabels(name);
  const metadata = { name: `${name}-predictor`, namespace };
  return [
    {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata,
      spec: {
        replicas,
        selector: { matchLabels: labels },
        template: { metadata: { labels }, spec: predictorPodSpec() },
      },
    },
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata,
      // By the name that the agent's port has: the port exists only in pods that were injected.
      spec: { selector: labels, ports: [{ port: 80, targetPort: 'agent-port' }] },
    },
  ];
}

/** By which KServe knows the predictor pods of an InferenceService. */
function predictorLabels(service: string): Record<string, string> {
  return { 'serving.kserve.io/inferenceservice': service, component: 'predictor' };
}

/** A predictor pod that no node takes: created, admitted and stored, and never started. */
export function unplacedPredictorPod(namespace: string, service: string, name: string): KubernetesObject {
  const labels = predictorLabels(service);
  const spec = { ...predictorPodSpec(), nodeSelector: { 'kserve-mms-e2e': 'nowhere' } };
  return { metadata: { name, namespace, labels }, spec } as KubernetesObject;
}

function predictorPodSpec(): object {
  return {
    serviceAccountName: 'models',
    securityContext: { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } },
    terminationGracePeriodSeconds: 10,
    containers: [
      {
        name: 'kserve-container',
        image: MLSERVER_IMAGE,
        args: ['start', '/mnt/models'],
        env: [
          { name: 'MLSERVER_HTTP_PORT', value: '8080' },
          { name: 'MLSERVER_GRPC_PORT', value: '9000' },
          { name: 'MLSERVER_LOAD_MODELS_AT_STARTUP', value: 'false' },
          // One process less: what is tested is not how fast MLServer computes.
          { name: 'MLSERVER_PARALLEL_WORKERS', value: '0' },
        ],
        ports: [{ containerPort: 8080 }],
        readinessProbe: { httpGet: { path: '/v2/health/ready', port: 8080 }, periodSeconds: 2 },
        resources: { requests: { memory: '256Mi' }, limits: { memory: '2Gi' } },
        securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } },
        volumeMounts: [{ name: 'scratch', mountPath: '/tmp' }],
      },
    ],
    volumes: [{ name: 'scratch', emptyDir: {} }],
  };
}

/** A TrainedModel whose file is in the store. */
export function trainedModelOf(namespace: string, service: string, name: string, storageUri: string): object {
  return {
    apiVersion: 'serving.kserve.io/v1alpha1',
    kind: 'TrainedModel',
    metadata: { name, namespace },
    spec: { inferenceService: service, model: { storageUri, framework: 'sklearn', memory: '8Mi' } },
  };
}
