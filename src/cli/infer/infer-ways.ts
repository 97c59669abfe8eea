import { getGlobalDispatcher, interceptors, request as httpRequest } from 'undici';
import type { Milliseconds } from '../../lib/clock.ts';
import { MmsError } from '../../lib/errors.ts';
import { isApiError } from '../../kube/api-error.ts';
import type { Protocol } from './infer-request.decide.ts';
import { whyNoAnswer } from './no-answer.decide.ts';
import { inferenceUrl } from './infer-request.decide.ts';
import { loadProgress } from '../load/model-load.decide.ts';
import { statusOfModel } from '../status/model-overview.decide.ts';
import { predictPath } from '../../contract/model-url.ts';
import { inferenceServiceOf } from '../../contract/trained-model.ts';
import type { TrainedModel } from '../../contract/trained-model.ts';
import type { ClusterConnection } from '../cluster-connection.ts';
import { hasStarted } from '../../contract/watched-pod.ts';
import type { WatchedPod } from '../../contract/watched-pod.ts';
import { predictorPods } from '../predictor-pods.ts';

interface InferRequest {
  readonly model: TrainedModel;
  readonly protocol: Protocol;
  /** JSON. */
  readonly text: string;
  readonly timeout: Milliseconds;
  readonly signal: AbortSignal;
}

export interface InferAnswer {
  readonly status: number;
  readonly text: string;
  /** Who answered: `pod flowers-predictor-abc` or a URL. */
  readonly from: string;
  /** Until the answer was complete. */
  readonly milliseconds: number;
}

/** There is no pod to ask. */
class NoPodToAskError extends MmsError {
  readonly code = 'NOBODY_TO_ASK';
  readonly retryable = true;
}

/** Nothing came back from the address. */
class NoAnswerError extends MmsError {
  readonly code = 'NO_ANSWER';
  readonly retryable = true;
}

/** Answers that are larger than this are no predictions. */
const MAX_ANSWER = 64 * 1024 * 1024;

/**
 * Asks a ready pod of the model's InferenceService by way of the API server, at its agent.
 *
 * @throws {NoPodToAskError} ApiError
 */
export async function askByProxy(cluster: ClusterConnection, request: InferRequest): Promise<InferAnswer> {
  const { model, protocol, text, timeout, signal } = request;
  const service = inferenceServiceOf(model) ?? '';
  const pods = await predictorPods(cluster, service);
  const pod = pods.find(({ ready, agentStatusPort }) => ready && agentStatusPort !== undefined);
  if (pod === undefined) {
    throw new NoPodToAskError(
      `InferenceService ${service} has no ready pod with an agent (${inWords(pods)}); ` +
        `the TrainedModel says: ${loadProgress(model).line}; --via direct asks the URL in its status`,
    );
  }
  const { name } = pod.metadata;
  const path = predictPath(model.metadata.name, protocol);
  const started = performance.now();
  const { namespace } = cluster;
  const ask = { namespace, pod: name, port: pod.agentPort, path, json: text, maxBytes: MAX_ANSWER };
  const answer = await cluster.client.askPod(ask, { timeout, signal }).catch((thrown: unknown) => {
    if (!isApiError(thrown, 'API_TIMEOUT')) throw thrown;
    throw new NoAnswerError(`pod ${name} did not answer ${whyNoAnswer(thrown, timeout)}`, { cause: thrown });
  });
  return { status: answer.status, text: answer.text, from: `pod ${name}`, milliseconds: since(started) };
}

function inWords(pods: readonly WatchedPod[]): string {
  const waiting = pods.filter((pod) => !hasStarted(pod)).length;
  return `pods: ${pods.length}${waiting === 0 ? '' : `, of which ${waiting} do not run yet`}`;
}

/**
 * Asks an address: the one given, else one of the model's status.
 *
 * @param inCluster whether this runs in a pod, where the address within the cluster is the nearer one
 * @throws {NoPodToAskError} when there is none, NoAnswerError when nothing answers there
 */
export async function askDirectly(
  request: InferRequest,
  given: string | undefined,
  inCluster: boolean,
): Promise<InferAnswer> {
  const { model, protocol, text, timeout, signal } = request;
  const { address, url: outside } = statusOfModel(model);
  const base = given ?? (inCluster ? (address?.url ?? outside) : (outside ?? address?.url));
  if (base === undefined || !URL.canParse(base)) {
    throw new NoPodToAskError(
      base === undefined
        ? `the TrainedModel has no URL yet: ${loadProgress(model).line}; name one with --url, or use --via proxy`
        : `${JSON.stringify(base)} is no URL such as http://localhost:8080`,
    );
  }
  const url = inferenceUrl(base, model.metadata.name, protocol);
  const started = performance.now();
  try {
    // Not fetch, which refuses ports that browsers may not ask.
    const answer = await httpRequest(url, {
      ...{ method: 'POST', body: text, headers: { 'content-type': 'application/json' } },
      ...{ headersTimeout: timeout, bodyTimeout: timeout },
      dispatcher: getGlobalDispatcher().compose(interceptors.redirect({ maxRedirections: 5 })),
      signal: AbortSignal.any([signal, AbortSignal.timeout(timeout)]),
    });
    const { statusCode: status, body } = answer;
    return { status, text: await body.text(), from: url, milliseconds: since(started) };
  } catch (thrown) {
    const hint = given === undefined ? '; --via proxy works wherever kubectl does' : '';
    throw new NoAnswerError(`${url} does not answer ${whyNoAnswer(thrown, timeout)}${hint}`, {
      cause: thrown,
    });
  }
}

function since(started: number): number {
  return Math.round((performance.now() - started) * 10) / 10;
}
