import { MmsError } from '../lib/errors.ts';
import { ApiError, isApiError } from '../kube/api-error.ts';

/** The cluster has no such kind of object. */
class KindMissingError extends MmsError {
  readonly code = 'KIND_MISSING';
  readonly retryable = false;
}

/** The same error, or one that says what to do about it. */
export function withAdvice(thrown: unknown, server: string): unknown {
  if (!isApiError(thrown)) return thrown;
  // Of an object that is missing there is a Status with a reason; of a kind that is missing, a line of plain text.
  if (thrown.code === 'API_NOT_FOUND' && thrown.reason === undefined) {
    return new KindMissingError(
      `the cluster at ${server} does not know this kind of object; install KServe's definitions with: ` +
        'kubectl apply -k manifests/default, or beside KServe: kubectl apply -k manifests/overlays/beside-kserve ' +
        `(${thrown.message})`,
      { cause: thrown },
    );
  }
  if (thrown.code !== 'API_UNREACHABLE') return thrown;
  const message = `${server} does not answer; is it the right cluster, and does it run? --kubeconfig and --context choose another (${thrown.message})`;
  return new ApiError(message, { code: thrown.code, cause: thrown });
}
