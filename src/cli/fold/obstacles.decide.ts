import { isRecord, nestsDeeper, recordsIn } from '../../lib/json.ts';
import { implementationOf, isCustomPredictor } from '../../contract/inference-service.ts';
import { isMMSPredictor } from '../../contract/mms-predictor.ts';
import { STOP_ANNOTATION } from '../../contract/names.ts';
import { carriesSecret, shownStorageUri, signatureIn, storageUriFault } from '../../contract/storage-uri.ts';
import { MODEL_NAME } from '../../contract/trained-model.ts';
import type { Candidate, FoldFacts } from './candidate.decide.ts';

/** Why an InferenceService cannot share pods. Codes are stable. */
type ObstacleCode =
  | 'BeingDeleted'
  | 'AlreadyMultiModel'
  | 'ModelMesh'
  | 'NoPredictor'
  | 'NestedTooDeep'
  | 'CustomPredictor'
  | 'Transformer'
  | 'Explainer'
  | 'Canary'
  | 'SeveralNodes'
  | 'InitContainers'
  | 'Stopped'
  | 'SingleModelFormat'
  | 'SeveralStorageUris'
  | 'StorageSpec'
  | 'NoStorageUri'
  | 'MountedStorage'
  | 'StorageUri'
  | 'SecretInStorageUri'
  | 'ModelName'
  | 'Grpc'
  | 'NoRuntime'
  | 'ServerCannotLoad'
  | 'ServerUnknown'
  | 'TrainedModelThere'
  | 'TooLarge'
  | 'Alone';

export interface Obstacle {
  readonly code: ObstacleCode;
  /** One sentence for the user. */
  readonly message: string;
}

interface ObstacleRules {
  readonly trainedModels: FoldFacts['trainedModels'];
  /** Runtimes whose server loads models by the V2 repository API, according to the user. */
  readonly trusted: ReadonlySet<string>;
}

type Rule = (candidate: Candidate, rules: ObstacleRules) => Obstacle | undefined;

/** The first obstacle in the InferenceService itself, in the order from hardest to change. */
export function obstacleOf(candidate: Candidate, rules: ObstacleRules): Obstacle | undefined {
  for (const rule of RULES) {
    const found = rule(candidate, rules);
    if (found !== undefined) return found;
  }
  return undefined;
}

const RULES: readonly Rule[] = [
  shapeObstacle,
  componentObstacle,
  storageObstacle,
  pathObstacle,
  serverObstacle,
];

/** A pod's fields end some 15 levels down. Deeper input is not a pod, and could overflow the stack. */
const LEVELS = 64;

function shapeObstacle({ service, predictor, request, mode }: Candidate): Obstacle | undefined {
  if (nestsDeeper(service.spec, LEVELS) || nestsDeeper(service.metadata, LEVELS))
    return obstacle(
      'NestedTooDeep',
      `it is nested more than ${LEVELS} levels deep, deeper than any field of a pod`,
    );
  const { reasons, isMms } = isMMSPredictor(service.spec?.predictor);
  if (service.metadata.deletionTimestamp !== undefined)
    return obstacle('BeingDeleted', 'it is being deleted');
  if (mode === 'ModelMesh')
    return obstacle('ModelMesh', 'it is a model of ModelMesh, and has no pods of its own');
  if (isMms) return obstacle('AlreadyMultiModel', 'it is multi-model already');
  if (reasons.some(({ code }) => code === 'NoPredictor' || code === 'NoImplementation'))
    return obstacle('NoPredictor', 'it names no model format');
  if (isCustomPredictor(predictor))
    return obstacle('CustomPredictor', 'it has containers of its own (spec.predictor.containers)');
  if (request?.format.name === '')
    return obstacle('NoPredictor', 'it names no model format (spec.predictor.model.modelFormat.name)');
  return undefined;
}

function componentObstacle({ service, predictor }: Candidate): Obstacle | undefined {
  const spec: Readonly<Record<string, unknown>> = { ...service.spec };
  if (isRecord(spec['transformer']))
    return obstacle('Transformer', 'it has a transformer, which calls its own predictor');
  if (isRecord(spec['explainer']))
    return obstacle('Explainer', 'it has an explainer, which calls its own predictor');
  if (predictor['canaryTrafficPercent'] != null)
    return obstacle('Canary', 'a canary is in progress (canaryTrafficPercent): end it first');
  if (predictor['workerSpec'] != null)
    return obstacle('SeveralNodes', 'it runs on several nodes (workerSpec)');
  if (Array.isArray(predictor['initContainers']) && predictor['initContainers'].length > 0)
    return obstacle('InitContainers', 'its pods have init containers of their own');
  if (service.metadata.annotations?.[STOP_ANNOTATION] === 'true')
    return obstacle('Stopped', `it is stopped (${STOP_ANNOTATION}), and uses nothing`);
  return undefined;
}

/** Schemes of volumes: the agent has only the volumes of its pods. */
const MOUNTED = /^(pvc|file):\/\//i;

function storageObstacle({ predictor, request }: Candidate): Obstacle | undefined {
  if (request?.format.name === 'huggingface')
    return obstacle('SingleModelFormat', 'servers of the huggingface format serve one model each');
  if (Array.isArray(predictor.storageUris) && predictor.storageUris.length > 0)
    return obstacle(
      'SeveralStorageUris',
      'it has several storage URIs (storageUris), and a TrainedModel has one',
    );
  const { storage, storageUri } = implementationFields(predictor);
  if (storage != null)
    return obstacle(
      'StorageSpec',
      'it names its storage in spec.predictor.model.storage; write it as a storageUri',
    );
  if (typeof storageUri !== 'string' || storageUri === '')
    return obstacle('NoStorageUri', 'it has no storageUri');
  // A message about a URI with a secret does not quote it.
  if (carriesSecret(storageUri) || signatureIn(storageUri) !== undefined)
    return obstacle(
      'SecretInStorageUri',
      'its storageUri holds a secret, which everyone who may read TrainedModels would see: use a Secret of the service account',
    );
  if (MOUNTED.test(storageUri))
    return obstacle(
      'MountedStorage',
      `its model is on a volume of its pods (${shownStorageUri(storageUri)})`,
    );
  const fault = storageUriFault(storageUri);
  return fault === undefined
    ? undefined
    : obstacle('StorageUri', `the agent cannot fetch its model: ${fault}`);
}

/** The fields of the implementation, wherever it is. */
function implementationFields(predictor: Candidate['predictor']): Readonly<Record<string, unknown>> {
  return { ...implementationOf(predictor)?.implementation };
}

/** Flags with which a server gives its model another name than the InferenceService's. */
const NAMING_FLAG = /^--model[_-]name(=|$)/;
const NAMING_VARIABLE = 'MLSERVER_MODEL_NAME';

function pathObstacle({ name, request, protocol }: Candidate): Obstacle | undefined {
  if (!MODEL_NAME.test(name))
    return obstacle(
      'ModelName',
      'no TrainedModel can have its name: only letters, digits, "-" and "_" are allowed',
    );
  const { args, command, env } = request?.overrides ?? {};
  const words = [args, command].flatMap((list) => (Array.isArray(list) ? list : []));
  const variables = recordsIn(env);
  if (
    words.some((word) => typeof word === 'string' && NAMING_FLAG.test(word)) ||
    variables.some((variable) => variable['name'] === NAMING_VARIABLE)
  )
    return obstacle('ModelName', 'its server gives the model another name than that of the InferenceService');
  if (protocol !== 'v1' && protocol !== 'v2')
    return obstacle('Grpc', `its clients use ${protocol}; TrainedModels are served by v1 and v2 over HTTP`);
  return undefined;
}

function serverObstacle(
  candidate: Candidate,
  { trainedModels, trusted }: ObstacleRules,
): Obstacle | undefined {
  const { name, namespace, request, server, withoutRuntime } = candidate;
  const there = trainedModels.get(namespace)?.get(name);
  if (there !== undefined)
    return obstacle(
      'TrainedModelThere',
      `there is a TrainedModel of its name already, for InferenceService ${there}`,
    );
  if (withoutRuntime !== undefined) return obstacle('NoRuntime', withoutRuntime);
  const format = request?.format.name ?? '';
  if (server.runtime === undefined)
    return obstacle(
      'NoRuntime',
      `no runtime of KServe's own serves ${format} by ${candidate.protocol}; name one`,
    );
  if (trusted.has(server.runtime) || server.kind?.loads === true) return undefined;
  return server.kind === undefined
    ? obstacle(
        'ServerUnknown',
        `whether the server of runtime ${server.runtime} loads models by the V2 repository API is not known; ` +
          `if it does: --loads-models ${server.runtime}`,
      )
    : obstacle(
        'ServerCannotLoad',
        `${server.kind.name} (runtime ${server.runtime}) does not load models by the V2 repository API`,
      );
}

function obstacle(code: ObstacleCode, message: string): Obstacle {
  return { code, message };
}
