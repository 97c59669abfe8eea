import { MOVING, protocolOfModel } from '../../support/twelve-services.ts';
import { MLSERVER_IMAGE, SKLEARNSERVER_IMAGE } from './images.ts';

/** A test machine does not have the CPUs that a model server requests. */
const RESOURCES = { requests: { cpu: '20m', memory: '200Mi' }, limits: { cpu: '2', memory: '1Gi' } };
/** One process fewer, because the speed of MLServer is not tested. */
const ONE_PROCESS = [{ name: 'MLSERVER_PARALLEL_WORKERS', value: '0' }];
const RESTRICTED = { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } };

/** KServe's runtime of its sklearnserver (config/runtimes/kserve-sklearnserver.yaml), with this node's image. */
export function sklearnserverRuntime(): object {
  return {
    apiVersion: 'serving.kserve.io/v1alpha1',
    kind: 'ClusterServingRuntime',
    metadata: {
      name: 'kserve-sklearnserver',
      annotations: { 'serving.kserve.io/server-type': 'sklearnserver' },
    },
    spec: {
      supportedModelFormats: [{ name: 'sklearn', version: '1', autoSelect: true, priority: 1 }],
      protocolVersions: ['v1'],
      containers: [
        {
          name: 'kserve-container',
          image: SKLEARNSERVER_IMAGE,
          args: ['--model_name={{.Name}}', '--model_dir=/mnt/models', '--http_port=8080'],
          securityContext: RESTRICTED,
          resources: RESOURCES,
        },
      ],
    },
  };
}

/** Ten that can share pods by their protocol, one with a format without a runtime, and one with its own containers. */
export function twelveServices(namespace: string): object[] {
  const service = (name: string, predictor: object) => ({
    apiVersion: 'serving.kserve.io/v1beta1',
    kind: 'InferenceService',
    metadata: { name, namespace },
    spec: { predictor },
  });
  const moving = MOVING.map((name) => {
    const protocolVersion = protocolOfModel(name);
    return service(name, {
      serviceAccountName: 'models',
      model: {
        ...{ modelFormat: { name: 'sklearn' }, protocolVersion, storageUri: `s3://models/${name}` },
        ...{ resources: RESOURCES, ...(protocolVersion === 'v2' && { env: ONE_PROCESS }) },
      },
    });
  });
  const tensor = { modelFormat: { name: 'tensorflow' }, storageUri: 's3://models/tensor' };
  const container = { name: 'kserve-container', image: 'example.com/vase:1' };
  return [...moving, service('tensor', { model: tensor }), service('vase', { containers: [container] })];
}

/** The Deployment and the Service of a single-model InferenceService, with the labels and owners that KServe sets. */
export function ownPods(namespace: string, name: string, uid: string, model: Buffer): object[] {
  const metadata = {
    ...{ name: `${name}-predictor`, namespace },
    labels: {
      app: `isvc.${name}-predictor`,
      'serving.kserve.io/inferenceservice': name,
      component: 'predictor',
    },
    ownerReferences: [
      { apiVersion: 'serving.kserve.io/v1beta1', kind: 'InferenceService', name, uid, controller: true },
    ],
  };
  const selector = { app: `isvc.${name}-predictor` };
  const ports = [{ name: 'http', port: 80, targetPort: 8080, protocol: 'TCP' }];
  return [
    {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata,
      binaryData: { 'model.joblib': model.toString('base64') },
    },
    { apiVersion: 'v1', kind: 'Service', metadata, spec: { selector, ports } },
    {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata,
      spec: {
        ...{ replicas: 1, selector: { matchLabels: selector } },
        template: { metadata: { labels: metadata.labels }, spec: podSpec(name) },
      },
    },
  ];
}

function podSpec(name: string): object {
  const v2 = protocolOfModel(name) === 'v2';
  const environment = {
    ...{ MLSERVER_MODEL_NAME: name, MLSERVER_MODEL_URI: '/mnt/models/model.joblib' },
    MLSERVER_MODEL_IMPLEMENTATION: 'mlserver_sklearn.SKLearnModel',
    ...{ MLSERVER_LOAD_MODELS_AT_STARTUP: 'true', MLSERVER_HTTP_PORT: '8080' },
  };
  const env = [...Object.entries(environment).map(([key, value]) => ({ name: key, value })), ...ONE_PROCESS];
  const server = v2
    ? { image: MLSERVER_IMAGE, env }
    : {
        image: SKLEARNSERVER_IMAGE,
        args: [`--model_name=${name}`, '--model_dir=/mnt/models', '--http_port=8080'],
      };
  const path = v2 ? `/v2/models/${name}/ready` : `/v1/models/${name}`;
  return {
    terminationGracePeriodSeconds: 10,
    containers: [
      {
        ...{ name: 'kserve-container', ...server, resources: RESOURCES, ports: [{ containerPort: 8080 }] },
        readinessProbe: { httpGet: { path, port: 8080 }, periodSeconds: 2 },
        // KServe's init container downloads to this directory.
        volumeMounts: [{ name: 'model', mountPath: '/mnt/models/model.joblib', subPath: 'model.joblib' }],
      },
    ],
    volumes: [{ name: 'model', configMap: { name: `${name}-predictor` } }],
  };
}
