import { isRecord, nestsDeeper, recordsIn } from '../../lib/json.ts';
import { implementationOf, isCustomPredictor } from '../../contract/inference-service.ts';
import { isMMSPredictor } from '../../contract/mms-predictor.ts';
import { STOP_ANNOTATION } from '../../contract/names.ts';
import { carriesSecret, shownStorageUri, signatureIn, storageUriFault } from '../../contract/storage-uri.ts';
import { MODEL_NAME } from '../../contract/trained-model.ts';
import type { Candidate, FoldFacts } from './candidate.decide.ts';

/** Why an InferenceService keeps its pods for itself. Codes are stable. */
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
  /** One sentence for people. */
  readonly message: string;
}

interface ObstacleRules {
  readonly trainedModels: FoldFacts['trainedModels'];
  /** Runtimes of which the user says that their server loads models by the V2 repository API. */
  readonly trusted: ReadonlySet<string>;
}

type Rule = (candidate: Candidate, rules: ObstacleRules) => Obstacle | undefined;

/** What stands against sharing in an InferenceService itself: the first that applies, the hardest to change first. */
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

/** A pod's fields end some 15 levels down. Deeper ones are no pod's, and take more stack than there is. */
const LEVELS = 64;

function shapeObstacle({ service, predictor, request, mode }: Candidate): Obstacle | undefined {
  if (nestsDeeper(service.spec, LEVELS) || nestsDeeper(service.metadata, LEVELS))
    return obstacle('NestedTooDeep', `it is nested more than ${LEVELS} levels deep, as no field of a pod is`);
  const { reasons, isMms } = isMMSPredictor(service.spec?.predictor);
  if (service.metadata.deletionTimestamp !== undefined)
    return obstacle('BeingDeleted', 'it is being deleted');
  if (mode === 'ModelMesh')
    return obstacle('ModelMesh', 'it is a model of ModelMesh, and has no pods of its own');
  if (isMms) return obstacle('AlreadyMultiModel', 'it is multi-model already');
  if (reasons.some(({ code }) => code === 'NoPredictor' || code === 'NoImplementation'))
    return obstacle('NoPredictor', 'it names no model format');
  if (isCustomPredictor(predictor))
    return obstacle('CustomPredictor', 'it brings containers of its own (spec.predictor.containers)');
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
    return obstacle('Canary', 'a canary is under way (canaryTrafficPercent): end it first');
  if (predictor['workerSpec'] != null)
    return obstacle('SeveralNodes', 'it runs on several nodes (workerSpec)');
  if (Array.isArray(predictor['initContainers']) && predictor['initContainers'].length > 0)
    return obstacle('InitContainers', 'its pods have init containers of their own');
  if (service.metadata.annotations?.[STOP_ANNOTATION] === 'true')
    return obstacle('Stopped', `it is stopped (${STOP_ANNOTATION}), and takes nothing`);
  return undefined;
}

/** Schemes of volumes: the agent has those volumes only that its pods are given. */
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
      'it names its storage by spec.predictor.model.storage; write it as a storageUri',
    );
  if (typeof storageUri !== 'string' || storageUri === '')
    return obstacle('NoStorageUri', 'it has no storageUri');
  // What is wrong with a URI that holds a secret is not told along with it.
  if (carriesSecret(storageUri) || signatureIn(storageUri) !== undefined)
    return obstacle(
      'SecretInStorageUri',
      'its storageUri holds a secret, which all who may read TrainedModels would see: use a Secret of the service account',
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

/** Of whichever field the implementation is in. */
function implementationFields(predictor: Candidate['predictor']): Readonly<Record<string, unknown>> {
  return { ...implementationOf(predictor)?.implementation };
}

/** By these a server gives its model another name than that of the InferenceService. */
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
    return obstacle('Grpc', `its clients speak ${protocol}; TrainedModels are served by v1 and v2 over HTTP`);
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
