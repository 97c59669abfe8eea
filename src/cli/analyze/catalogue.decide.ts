export type Severity = 'error' | 'warning' | 'info';

/** What one code stands for. */
export interface FindingKind {
  readonly severity: Severity;
  /** What the matter is, for the reference. */
  readonly title: string;
  /** What a person does about it. */
  readonly remedy: string;
}

function error(title: string, remedy: string): FindingKind {
  return { severity: 'error', title, remedy };
}

function warning(title: string, remedy: string): FindingKind {
  return { severity: 'warning', title, remedy };
}

function info(title: string, remedy: string): FindingKind {
  return { severity: 'info', title, remedy };
}

/**
 * Everything that `mms analyze` can find. Codes are stable: pipelines name them. MMS1xx are of files and any object, 2xx of
 * TrainedModels, 3xx of InferenceServices, 4xx of what is around them.
 */
export const FINDING_KINDS = {
  MMS101: error('a file cannot be read', 'Mend its rights or its path, or leave it out.'),
  MMS102: error('a file is not YAML or JSON', 'Mend the notation at this place.'),
  MMS103: info(
    'a template or a patch, which is no whole object',
    'Analyze its output: helm template … | mms analyze -f -, or kubectl kustomize DIR | mms analyze -f -',
  ),
  MMS104: info(
    'not a Kubernetes object: apiVersion or kind is missing',
    'Nothing, when it is not meant to be one.',
  ),
  MMS105: error('an object without a name', 'Write metadata.name.'),
  MMS106: error(
    'a field that Kubernetes does not know here',
    'Correct its name, or remove it: the API server refuses it or drops it.',
  ),
  MMS107: warning(
    'an object that another one repeats',
    'Remove one of the two; the one that is applied last would count.',
  ),
  MMS201: error('the name of a TrainedModel is invalid', 'Use letters, digits, "-" and "_" alone; no dots.'),
  MMS202: error('a storageUri that cannot work', 'Correct the URI.'),
  MMS203: error('the memory of a TrainedModel is invalid', 'Write a quantity above zero, such as 256Mi.'),
  MMS204: error('a TrainedModel without a framework', 'Write spec.model.framework, such as sklearn.'),
  MMS205: error(
    'a TrainedModel that names no InferenceService',
    'Write the name of the InferenceService that is to serve it into spec.inferenceService.',
  ),
  MMS206: error(
    'a user or password in a storageUri',
    "Change that password, and put the new one into a Secret of the predictor's service account.",
  ),
  MMS207: warning(
    'a signature in a storageUri',
    "It is a secret that everyone sees who may read TrainedModels, and it expires: use credentials of the predictor's service account.",
  ),
  MMS211: warning(
    'the InferenceService of a TrainedModel is not in these files',
    'Add its file with -f, or see that the cluster has it; the model waits until it is there.',
  ),
  MMS212: error(
    'the InferenceService of a TrainedModel is not multi-model',
    'Take its storage away from the InferenceService, or name another InferenceService.',
  ),
  MMS213: warning(
    'a TrainedModel does not fit into the memory of its predictor',
    'Raise the memory limit of the predictor, declare less, or move models to another InferenceService.',
  ),
  MMS214: error(
    'a TrainedModel does not fit into the ConfigMap',
    'Move models to another InferenceService: one ConfigMap, of at most 1 MiB, lists all models of one.',
  ),
  MMS215: warning(
    "the framework of a TrainedModel is not the predictor's format",
    'See that the model server can load it, or move it to an InferenceService of its format.',
  ),
  MMS216: warning(
    'an annotation of a TrainedModel that has no effect',
    'On a TrainedModel kserve-mms/residency is "always", or is not there.',
  ),
  MMS301: warning(
    'a multi-model predictor without a memory limit',
    'Set resources.limits.memory: without it models are let in until the node is out of memory.',
  ),
  MMS302: error('a memory limit that cannot be read', 'Write a quantity, such as 2Gi.'),
  MMS303: error(
    'an InferenceService without a predictor',
    'Name a model format in spec.predictor.model.modelFormat.name, or give it containers.',
  ),
  MMS304: info(
    'an InferenceService that is not multi-model',
    'Nothing, when it is to serve that one model; TrainedModels cannot name it.',
  ),
  MMS305: error(
    'the runtime that an InferenceService names cannot serve it',
    'Name another runtime, or correct it.',
  ),
  MMS306: error(
    'the models of an InferenceService declare more memory than its predictor has',
    'Raise the memory limit of the predictor, declare less, or move models to another InferenceService.',
  ),
  MMS307: warning(
    'an annotation of residency that has no effect',
    'Write kserve-mms/residency as "always" or "on-demand", and budgets as quantities such as 2Gi.',
  ),
  MMS308: error(
    'a setting of a logger or batcher that no agent starts with',
    'Write mode as all, request or response, and maxBatchSize and maxLatency as whole numbers from 1 on.',
  ),
  MMS309: info(
    'a logger without a sink of its own',
    'Write spec.predictor.logger.url, or see that inferenceservice-config has a defaultUrl.',
  ),
  MMS310: warning(
    'a batcher in front of a V2 server',
    'Remove it, or serve V1: V2 requests pass it as they are, and many servers batch V2 themselves.',
  ),
  MMS311: warning(
    'models that take far more memory than they declare, or far less',
    'Declare in spec.model.memory what they take: the agent keeps within the budget all the same, but plans with what is declared.',
  ),
  MMS401: error('a pod that the webhook would refuse', 'mms inject shows the whole decision.'),
  MMS402: warning(
    'a pod in which models would not be served as meant',
    'mms inject shows the whole decision.',
  ),
  MMS403: warning(
    "a part of KServe's system configuration is not understood",
    'Correct it; the default is used instead.',
  ),
  MMS404: warning(
    'a models.json kept in a file',
    'Remove the ConfigMap from the files: the manager writes it from the TrainedModels.',
  ),
} as const satisfies Record<string, FindingKind>;

export type FindingCode = keyof typeof FINDING_KINDS;
