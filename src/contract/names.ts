/**
 * Every name of KServe's contract that this project uses, defined once. Source: KServe v0.17, `pkg/constants`, and the
 * pods recorded in test/unit/contract/injection.
 */

export const INFERENCE_SERVICE_API_VERSION = 'serving.kserve.io/v1beta1';
export const INFERENCE_SERVICE_KIND = 'InferenceService';
export const TRAINED_MODEL_API_VERSION = 'serving.kserve.io/v1alpha1';

/** On every pod of an InferenceService; the value is the InferenceService's name. */
export const INFERENCE_SERVICE_LABEL = 'serving.kserve.io/inferenceservice';
/** `predictor`, `transformer` or `explainer`. */
export const COMPONENT_LABEL = 'component';
export const PREDICTOR_COMPONENT = 'predictor';
/** `default` or `canary` in KServe's first API; empty now. */
export const ENDPOINT_LABEL = 'endpoint';

/** Annotations that KServe's controller puts on the pods of a multi-model predictor. */
export const AGENT_ANNOTATIONS = {
  agent: 'internal.serving.kserve.io/agent',
  configVolumeName: 'internal.serving.kserve.io/configVolumeName',
  configMountPath: 'internal.serving.kserve.io/configMountPath',
  modelDir: 'internal.serving.kserve.io/modelDir',
} as const;

/** Annotations that KServe's controller puts on the pods of a predictor with a logger or a batcher. */
export const PAYLOAD_ANNOTATIONS = {
  logger: 'internal.serving.kserve.io/logger',
  loggerSinkUrl: 'internal.serving.kserve.io/logger-sink-url',
  loggerMode: 'internal.serving.kserve.io/logger-mode',
  loggerMetadataHeaders: 'internal.serving.kserve.io/logger-metadata-headers',
  loggerMetadataAnnotations: 'internal.serving.kserve.io/logger-metadata-annotations',
  batcher: 'internal.serving.kserve.io/batcher',
  batcherMaxBatchSize: 'internal.serving.kserve.io/batcher-max-batchsize',
  batcherMaxLatency: 'internal.serving.kserve.io/batcher-max-latency',
} as const;

/** Annotations that KServe's webhook stamps on every pod of an InferenceService, injected or not. */
export const METRIC_ANNOTATIONS = {
  aggregation: 'serving.kserve.io/enable-metric-aggregation',
  scraping: 'serving.kserve.io/enable-prometheus-scraping',
} as const;

/** The annotation of a pod that names its one Secret, as in KServe's default system configuration. */
export const STORAGE_SECRET_ANNOTATION = 'serving.kserve.io/storageSecretName';
/** The prefix of S3 settings on Secrets and service accounts. */
export const S3_ANNOTATION_PREFIX = 'serving.kserve.io/s3-';
/**
 * EKS's annotation that gives the pods of a service account an AWS role. KServe reads the account's S3 settings only if
 * it is set.
 */
export const AWS_ROLE_ANNOTATION = 'eks.amazonaws.com/role-arn';

export const CONTAINERS = {
  modelServer: 'kserve-container',
  transformer: 'transformer-container',
  queueProxy: 'queue-proxy',
  agent: 'agent',
} as const;

export const VOLUMES = {
  modelConfig: 'model-config',
  modelDir: 'model-dir',
  loggerCa: 'agent-ca-bundle',
} as const;

/** Where the CA bundle of a logger's sink is mounted. */
export const LOGGER_CA_DIRECTORY = '/etc/tls/logger';
/** The service account whose Secrets open a logger's object store, when the store names none. */
export const DEFAULT_LOGGER_ACCOUNT = 'logger-sa';

export const DEFAULT_CONFIG_MOUNT_PATH = '/mnt/configs';
export const DEFAULT_MODEL_DIR = '/mnt/models';

export const AGENT_PORT = 9081;
export const AGENT_PORT_NAME = 'agent-port';
/**
 * The port of the agent's status endpoint. Not 8080 to 8082 and 9000 to 9003 (model servers), 9081 (the agent itself),
 * 9090 and 9091 (Prometheus, queue-proxy).
 */
export const DEFAULT_STATUS_PORT = 9082;
/** The path at which the agent answers when it has drained, as Knative's queue-proxy does at its port 8022. */
export const WAIT_FOR_DRAIN_PATH = '/wait-for-drain';
/** The assumed port of a model server whose container declares none. */
export const DEFAULT_COMPONENT_PORT = 8080;

/** The image of both manager and agent, as in `manifests/manager`. */
export const DEFAULT_AGENT_IMAGE = 'kserve-mms:0.2.0';

/** The key of the ConfigMap, and so the file name in the agent's mounted directory. */
export const MODELS_JSON = 'models.json';
/** A second key beside it, ours: which models stay in memory. Only with on-demand residency. */
export const RESIDENCY_JSON = 'residency.json';
/**
 * On an InferenceService: which of its models stay in memory, and the memory budget. The first is also valid on a
 * TrainedModel.
 */
export const RESIDENCY_ANNOTATIONS = {
  residency: 'kserve-mms/residency',
  memoryBudget: 'kserve-mms/memory-budget',
  diskBudget: 'kserve-mms/disk-budget',
} as const;

/** `mms fold` records the progress of a move in these, on the objects themselves. */
export const FOLD_ANNOTATIONS = {
  /**
   * On a TrainedModel: the InferenceService of the same name whose Service also routes to the model's pods. Empty: no
   * longer, and the EndpointSlices are removed.
   */
  replaces: 'kserve-mms/replaces',
  /**
   * On objects that `mms fold --apply` created and `--undo` deletes: the InferenceServices they come from, separated by
   * commas.
   */
  foldedFrom: 'kserve-mms/folded-from',
  /** On a TrainedModel: how many pods the InferenceService of the same name had before `mms fold --retire`. */
  replicasBefore: 'kserve-mms/replicas-before-retire',
} as const;
/**
 * On pods that `mms fold --retire` has removed from their Service; the value is their InferenceService. They finish
 * their open requests and are then deleted.
 */
export const LEAVING_LABEL = 'kserve-mms/leaving';
/**
 * On the EndpointSlices with which a TrainedModel replaces the InferenceService of the same name; the value is that
 * name.
 */
export const REPLACES_LABEL = FOLD_ANNOTATIONS.replaces;

/** KServe's system configuration: the ConfigMap and the key with the agent's image and resources. */
export const SYSTEM_CONFIG = {
  namespace: 'kserve',
  name: 'inferenceservice-config',
  agentKey: 'agent',
} as const;

/** Marks the ConfigMaps that this project manages, so that one watch by label selects exactly those. */
export const MODEL_CONFIG_LABEL = 'kserve-mms/model-config';
/**
 * On pods: the version of the ConfigMaps that they mount. The value does not matter, only that it changes: kubelet then
 * syncs the pod and its volumes at once.
 */
export const MODEL_CONFIG_VERSION = 'kserve-mms/model-config-version';
/** On the namespace of the manager and on everything `manifests/` installs. */
export const PART_OF = 'kserve-mms';

/** The ConfigMap of one shard of an InferenceService; KServe itself only ever uses shard 0. */
export function modelConfigName(inferenceService: string, shard: number): string {
  return `modelconfig-${inferenceService}-${shard}`;
}

/** The manager's Deployment, in its namespace. */
export const MANAGER_DEPLOYMENT = 'kserve-mms-manager';
/** The Service in front of the webhook, in the manager's namespace. */
export const WEBHOOK_SERVICE = 'kserve-mms-webhook';
/**
 * Both webhook configurations of the manager, the mutating and the validating one. API servers call mutating webhooks
 * in the order of their configurations' names (k8s.io/apiserver, configuration/mutating_webhook_manager.go). Ours sorts
 * after KServe's own, `inferenceservice.serving.kserve.io`, and before the injectors of meshes, `istio-…` and
 * `linkerd-…`: these must see the agent in order to reroute its traffic and its probes.
 */
export const WEBHOOK_CONFIGURATION = 'inferenceservices.kserve-mms';
/** Their name until 0.1.0. A manager that finds such a configuration replaces it with the one above. */
export const FORMER_WEBHOOK_CONFIGURATION = PART_OF;
/** The Secret with the webhook's certificate, in the manager's namespace. */
export const WEBHOOK_CERTIFICATE_SECRET = 'kserve-mms-webhook-certificate';
/** The path of the pod webhook. */
export const MUTATE_PODS_PATH = '/mutate-pods';
/** The path of the webhook that validates TrainedModels. */
export const VALIDATE_TRAINED_MODELS_PATH = '/validate-trainedmodels';

/** The kind of server in a runtime, when its name does not show it: `mlserver`, `tritonserver` and others. */
export const SERVER_TYPE_ANNOTATION = 'serving.kserve.io/server-type';
/** Whether something else scales a predictor: `external`. */
export const AUTOSCALER_CLASS_ANNOTATION = 'serving.kserve.io/autoscalerClass';
/** How the pods of an InferenceService are deployed: `Standard` (a Deployment), `Knative`, or `ModelMesh`. */
export const DEPLOYMENT_MODE_ANNOTATION = 'serving.kserve.io/deploymentMode';
/** `"true"` removes all pods of an InferenceService. */
export const STOP_ANNOTATION = 'serving.kserve.io/stop';
/** On a stopped Deployment: how many pods it had, and gets back. */
export const KEPT_REPLICAS_ANNOTATION = 'kserve-mms/replicas-before-stop';
/**
 * On a Deployment that its autoscaler has released: the number of pods it left, and the minReplicas for which that
 * number holds.
 */
export const AUTOSCALED_REPLICAS_ANNOTATION = 'kserve-mms/replicas-of-autoscaler';
/** The Deployment and the Service of a predictor select its pods by this label. */
export const APP_LABEL = 'app';
/** In every container of a predictor's pods. */
export const INFERENCE_SERVICE_NAME_ENV = 'INFERENCE_SERVICE_NAME';

/** The Deployment and the Service of a predictor. */
export function predictorName(inferenceService: string): string {
  return `${inferenceService}-predictor`;
}

/** The Service by which requests wake models, where that of the predictor leads past the agent. */
export function wakingServiceName(inferenceService: string): string {
  return `${inferenceService}-mms`;
}
