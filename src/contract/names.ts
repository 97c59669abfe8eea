/**
 * Every name of KServe's contract that this project speaks, once. Source: KServe v0.17, `pkg/constants`, and the pods
 * recorded in test/unit/contract/injection.
 */

export const INFERENCE_SERVICE_API_VERSION = 'serving.kserve.io/v1beta1';
export const INFERENCE_SERVICE_KIND = 'InferenceService';
export const TRAINED_MODEL_API_VERSION = 'serving.kserve.io/v1alpha1';

/** On every pod of an InferenceService; the value is the InferenceService's name. */
export const INFERENCE_SERVICE_LABEL = 'serving.kserve.io/inferenceservice';
/** `predictor`, `transformer` or `explainer`. */
export const COMPONENT_LABEL = 'component';
export const PREDICTOR_COMPONENT = 'predictor';
/** `default` or `canary` in KServe's first API; empty since. */
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

/** The annotation of a pod that names the one Secret to use, as KServe's system configuration is shipped. */
export const STORAGE_SECRET_ANNOTATION = 'serving.kserve.io/storageSecretName';
/** Settings of S3, on Secrets and service accounts, begin with this. */
export const S3_ANNOTATION_PREFIX = 'serving.kserve.io/s3-';
/** By it EKS gives the pods of a service account a role of AWS. Only beside it KServe reads the account's settings of S3. */
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
/** The service account whose Secrets open a logger's object store, where the store names none. */
export const DEFAULT_LOGGER_ACCOUNT = 'logger-sa';

export const DEFAULT_CONFIG_MOUNT_PATH = '/mnt/configs';
export const DEFAULT_MODEL_DIR = '/mnt/models';

export const AGENT_PORT = 9081;
export const AGENT_PORT_NAME = 'agent-port';
/**
 * Where the agent tells its status. Not 8080 to 8082 and 9000 to 9003 (model servers), 9081 (the agent itself), 9090 and
 * 9091 (Prometheus, queue-proxy).
 */
export const DEFAULT_STATUS_PORT = 9082;
/** There the agent answers once it has drained, as Knative's queue-proxy does at its port 8022. */
export const WAIT_FOR_DRAIN_PATH = '/wait-for-drain';
/** The port a model server is assumed to listen on when its container declares none. */
export const DEFAULT_COMPONENT_PORT = 8080;

/** The one image of manager and agent, as `manifests/manager` names it too. */
export const DEFAULT_AGENT_IMAGE = 'kserve-mms:0.2.0';

/** The key of the ConfigMap, and so the file name in the agent's mounted directory. */
export const MODELS_JSON = 'models.json';
/** A second key beside it, ours: which models stay in memory. Only with residency on-demand. */
export const RESIDENCY_JSON = 'residency.json';
/** On an InferenceService: which of its models stay in memory, and how much of it; the first also on a TrainedModel. */
export const RESIDENCY_ANNOTATIONS = {
  residency: 'kserve-mms/residency',
  memoryBudget: 'kserve-mms/memory-budget',
  diskBudget: 'kserve-mms/disk-budget',
} as const;

/** By these `mms fold` keeps on the objects themselves how far a move has come. */
export const FOLD_ANNOTATIONS = {
  /**
   * On a TrainedModel: the InferenceService of the same name whose Service leads to the model's pods as well. Empty: not any more,
   * and what led there is taken away.
   */
  replaces: 'kserve-mms/replaces',
  /** On what `mms fold --apply` made, and `--undo` deletes: of which InferenceServices, separated by commas. */
  foldedFrom: 'kserve-mms/folded-from',
  /** On a TrainedModel: how many pods the InferenceService of its name had before `mms fold --retire`. */
  replicasBefore: 'kserve-mms/replicas-before-retire',
} as const;
/**
 * On pods of an InferenceService, whose name is the value, that `mms fold --retire` has taken out of its Service: they answer what
 * they were asked before, and are deleted then.
 */
export const LEAVING_LABEL = 'kserve-mms/leaving';
/** On the EndpointSlices by which a TrainedModel replaces the InferenceService of its name; the value is that name. */
export const REPLACES_LABEL = FOLD_ANNOTATIONS.replaces;

/** KServe's system configuration: the ConfigMap and the key with the agent's image and resources. */
export const SYSTEM_CONFIG = {
  namespace: 'kserve',
  name: 'inferenceservice-config',
  agentKey: 'agent',
} as const;

/** Marks the ConfigMaps this project keeps, so that one watch by label sees them all and no other. */
export const MODEL_CONFIG_LABEL = 'kserve-mms/model-config';
/**
 * On pods: the version of the ConfigMaps that they mount. That the annotation changes is what matters: kubelet then looks at
 * the pod, and at its volumes, at once.
 */
export const MODEL_CONFIG_VERSION = 'kserve-mms/model-config-version';
/** On the namespace of the manager and on everything `manifests/` installs. */
export const PART_OF = 'kserve-mms';

/** The ConfigMap of one shard of an InferenceService; KServe itself only ever uses shard 0. */
export function modelConfigName(inferenceService: string, shard: number): string {
  return `modelconfig-${inferenceService}-${shard}`;
}

/** The Deployment of the manager, in its namespace. */
export const MANAGER_DEPLOYMENT = 'kserve-mms-manager';
/** The Service in front of the webhook, in the manager's namespace. */
export const WEBHOOK_SERVICE = 'kserve-mms-webhook';
/**
 * Both webhook configurations of the manager, the mutating and the validating one. API servers call mutating webhooks in the
 * order of their configurations' names (k8s.io/apiserver, configuration/mutating_webhook_manager.go). Ours comes after
 * KServe's own, `inferenceservice.serving.kserve.io`, and before the injectors of meshes, `istio-…` and `linkerd-…`: these
 * must see the agent to reroute its traffic and its probes.
 */
export const WEBHOOK_CONFIGURATION = 'inferenceservices.kserve-mms';
/** Their name until 0.1.0. A manager that finds such a configuration replaces it by the one above. */
export const FORMER_WEBHOOK_CONFIGURATION = PART_OF;
/** The Secret with the webhook's certificate, in the manager's namespace. */
export const WEBHOOK_CERTIFICATE_SECRET = 'kserve-mms-webhook-certificate';
/** The path of the pod webhook. */
export const MUTATE_PODS_PATH = '/mutate-pods';
/** The path of the webhook that judges TrainedModels. */
export const VALIDATE_TRAINED_MODELS_PATH = '/validate-trainedmodels';

/** Says what kind of server a runtime holds, when its name does not: `mlserver`, `tritonserver` and others. */
export const SERVER_TYPE_ANNOTATION = 'serving.kserve.io/server-type';
/** Whether something else scales a predictor: `external`. */
export const AUTOSCALER_CLASS_ANNOTATION = 'serving.kserve.io/autoscalerClass';
/** What makes the pods of an InferenceService: `Standard` (a Deployment), `Knative`, or `ModelMesh`. */
export const DEPLOYMENT_MODE_ANNOTATION = 'serving.kserve.io/deploymentMode';
/** `"true"` takes all pods of an InferenceService away. */
export const STOP_ANNOTATION = 'serving.kserve.io/stop';
/** On a Deployment that is stopped: how many pods it had, and is to have again. */
export const KEPT_REPLICAS_ANNOTATION = 'kserve-mms/replicas-before-stop';
/** On a Deployment that an autoscaler has given up: the number of pods it left, and the minReplicas for which that holds. */
export const AUTOSCALED_REPLICAS_ANNOTATION = 'kserve-mms/replicas-of-autoscaler';
/** By this label the Deployment and the Service of a predictor select its pods. */
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
