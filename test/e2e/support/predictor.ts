import type { KubernetesObject } from '../../../src/contract/kubernetes.ts';
import type { TestS3 } from '../../support/s3.ts';
import { MLSERVER_IMAGE } from './images.ts';

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

/** A multi-model InferenceService. The manager makes its Deployment and Service, with the runtime for its format. */
export function multiModelService(
  namespace: string,
  name: string,
  predictor: { readonly minReplicas?: number; readonly serviceAccountName?: string },
  annotations: Readonly<Record<string, string>> = {},
): object {
  return {
    apiVersion: 'serving.kserve.io/v1beta1',
    kind: 'InferenceService',
    metadata: { name, namespace, annotations },
    spec: {
      predictor: {
        ...predictor,
        terminationGracePeriodSeconds: 10,
        model: {
          modelFormat: { name: 'sklearn' },
          protocolVersion: 'v2',
          // One process fewer, because the speed of MLServer is not tested.
          env: [{ name: 'MLSERVER_PARALLEL_WORKERS', value: '0' }],
          // A test machine does not have the CPUs that a model server requests.
          resources: { requests: { cpu: '50m', memory: '256Mi' }, limits: { cpu: '2', memory: '2Gi' } },
        },
      },
    },
  };
}

/** A predictor pod that stays unscheduled: created, admitted and stored, but never started. */
export function unplacedPredictorPod(namespace: string, service: string, name: string): KubernetesObject {
  const labels = { 'serving.kserve.io/inferenceservice': service, component: 'predictor' };
  const spec = {
    nodeSelector: { 'kserve-mms-e2e': 'nowhere' },
    securityContext: { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } },
    containers: [
      {
        name: 'kserve-container',
        image: MLSERVER_IMAGE,
        ports: [{ containerPort: 8080 }],
        readinessProbe: { httpGet: { path: '/v2/health/ready', port: 8080 } },
        securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } },
      },
    ],
  };
  return { metadata: { name, namespace, labels }, spec } as KubernetesObject;
}

/** A TrainedModel whose file is in the store. */
export function trainedModelOf(
  namespace: string,
  service: string,
  name: string,
  storageUri: string,
  memory = '8Mi',
): object {
  return {
    apiVersion: 'serving.kserve.io/v1alpha1',
    kind: 'TrainedModel',
    metadata: { name, namespace },
    spec: { inferenceService: service, model: { storageUri, framework: 'sklearn', memory } },
  };
}
