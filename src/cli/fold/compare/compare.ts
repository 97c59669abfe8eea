import type { Milliseconds } from '../../../lib/clock.ts';
import { seconds } from '../../../lib/clock.ts';
import { compareText } from '../../../lib/compare-text.ts';
import { messageOf, MmsError } from '../../../lib/errors.ts';
import type { InferenceService } from '../../../contract/inference-service.ts';
import { isMMSPredictor } from '../../../contract/mms-predictor.ts';
import { predictPath, protocolOf } from '../../../contract/model-url.ts';
import { isPod } from '../../../contract/pod.ts';
import { componentPort } from '../../../contract/served-component.ts';
import { inferenceServiceOf } from '../../../contract/trained-model.ts';
import { watchedPod } from '../../../contract/watched-pod.ts';
import { COMPONENT_LABEL, INFERENCE_SERVICE_LABEL, PREDICTOR_COMPONENT } from '../../../contract/names.ts';
import type { ApiErrorCode } from '../../../kube/api-error.ts';
import { isApiError } from '../../../kube/api-error.ts';
import { INFERENCE_SERVICES, PODS, TRAINED_MODELS } from '../../../kube/resources.ts';
import type { ClusterConnection } from '../../cluster-connection.ts';
import { listObjects } from '../../cluster-snapshot.ts';
import { answerDifference } from './compare-answers.decide.ts';
import type { Answer, Difference, Tolerance } from './compare-answers.decide.ts';
import type { RequestFile } from './request-files.ts';

/** The result of one request, or why none was sent. */
export interface Comparison {
  readonly namespace: string;
  readonly model: string;
  /** The InferenceService of the TrainedModel. */
  readonly shared: string;
  readonly request: string | undefined;
  /** Undefined when the answers are equal. */
  readonly difference:
    | Difference
    | { readonly code: 'NoRequest' | 'NoAnswer' | 'NotAsked'; readonly message: string }
    | undefined;
}

/** Larger answers are not predictions. */
const MAX_ANSWER = 64 * 1024 * 1024;
/** Errors of a single pod: it is gone, refuses connections, or does not answer in time. */
const OF_ONE_POD: ReadonlySet<ApiErrorCode> = new Set(['API_NOT_FOUND', 'API_SERVER_ERROR', 'API_TIMEOUT']);
const TIMEOUT: Milliseconds = seconds(60);

/** An InferenceService and the TrainedModel of the same name. */
interface Pair {
  readonly namespace: string;
  readonly name: string;
  readonly shared: string;
  readonly protocol: string;
}

/** There is no pod that could answer. */
class NoReadyPodError extends MmsError {
  readonly code = 'NOBODY_ANSWERS';
  readonly retryable = true;
}

/**
 * Sends each request to a pod of the InferenceService and to one of the TrainedModel of the same name, through the API
 * server, and compares the answers. A request that could not be sent is a result too.
 * @param names of models; empty: all that are both an InferenceService of one model and a TrainedModel
 * @throws {ApiError} when the cluster does not answer, or the user may not reach pods
 */
export async function compareAnswers(
  cluster: ClusterConnection,
  requests: ReadonlyMap<string, readonly RequestFile[]>,
  { names, tolerance, signal }: { names: readonly string[]; tolerance: Tolerance; signal: AbortSignal },
): Promise<Comparison[]> {
  const all = await pairsIn(cluster);
  const pairs = names.length === 0 ? all : all.filter(({ name }) => names.includes(name));
  const comparisons: Comparison[] = [];
  for (const pair of pairs) {
    const its = requests.get(pair.name) ?? [];
    if (its.length === 0) {
      const message = 'no request for it was given, so its answers are unknown';
      comparisons.push(resultOf(pair, undefined, { code: 'NoRequest', message }));
    }
    for (const { file, text } of its) {
      comparisons.push(resultOf(pair, file, await differenceOf(cluster, pair, text, { tolerance, signal })));
    }
  }
  return comparisons;
}

function resultOf(
  { namespace, name, shared }: Pair,
  request: string | undefined,
  difference: Comparison['difference'],
): Comparison {
  return { namespace, model: name, shared, request, difference };
}

async function pairsIn({ client, scope }: ClusterConnection): Promise<Pair[]> {
  const [services, models] = await Promise.all([
    listObjects(client, INFERENCE_SERVICES, scope),
    listObjects(client, TRAINED_MODELS, scope),
  ]);
  const keyOf = (namespace: string | undefined, name: string): string => `${namespace ?? ''}/${name}`;
  const single = new Map<string, InferenceService>(
    services
      .filter(({ spec }) => !isMMSPredictor(spec?.predictor).isMms)
      .map((service) => [keyOf(service.metadata.namespace, service.metadata.name), service]),
  );
  return models
    .flatMap((model): Pair[] => {
      const { namespace = '', name } = model.metadata;
      const service = single.get(keyOf(namespace, name));
      const shared = inferenceServiceOf(model);
      if (service === undefined || shared === undefined) return [];
      return [{ namespace, name, shared, protocol: protocolOf(service.spec?.predictor) }];
    })
    .sort((a, b) => compareText(a.namespace, b.namespace) || compareText(a.name, b.name));
}

async function differenceOf(
  cluster: ClusterConnection,
  pair: Pair,
  text: string,
  { tolerance, signal }: { tolerance: Tolerance; signal: AbortSignal },
): Promise<Comparison['difference']> {
  const notAsked = { code: 'NotAsked', message: 'you stopped the comparison' } as const;
  if (signal.aborted) return notAsked;
  try {
    // One after the other, so that they do not compete for one node's resources.
    const before = await askService(cluster, pair, pair.name, text, signal);
    const after = await askService(cluster, pair, pair.shared, text, signal);
    return answerDifference(before, after, tolerance);
  } catch (thrown) {
    if (isApiError(thrown, 'API_ABORTED')) return notAsked;
    const isOfOne = thrown instanceof NoReadyPodError || (isApiError(thrown) && OF_ONE_POD.has(thrown.code));
    if (!isOfOne) throw thrown;
    return { code: 'NoAnswer', message: messageOf(thrown) };
  }
}

/** At the agent if there is one, so that the answer is what clients get; else at the model server itself. */
async function askService(
  { client }: ClusterConnection,
  { namespace, name, protocol }: Pair,
  service: string,
  json: string,
  signal: AbortSignal,
): Promise<Answer> {
  const pods = await listObjects(
    client,
    PODS,
    namespace,
    `${INFERENCE_SERVICE_LABEL}=${service},${COMPONENT_LABEL}=${PREDICTOR_COMPONENT}`,
  );
  const pod = pods.find((one) => watchedPod(one).ready && one.metadata.deletionTimestamp === undefined);
  if (pod === undefined)
    throw new NoReadyPodError(`InferenceService ${service} has no ready pod; wait until it is Ready`);
  const { agentPort, agentStatusPort } = watchedPod(pod);
  const port = agentStatusPort === undefined && isPod(pod) ? componentPort(pod) : agentPort;
  return client.askPod(
    {
      namespace,
      pod: pod.metadata.name,
      port,
      path: predictPath(name, protocol),
      json,
      maxBytes: MAX_ANSWER,
    },
    { timeout: TIMEOUT, signal },
  );
}
