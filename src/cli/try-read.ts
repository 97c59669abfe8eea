import type { Lookup } from '../lib/lookup.ts';
import type { ApiErrorCode } from '../kube/api-error.ts';
import { isApiError } from '../kube/api-error.ts';

const HOPELESS: ReadonlySet<ApiErrorCode> = new Set([
  'API_UNREACHABLE',
  'API_UNAUTHORIZED',
  'API_CREDENTIALS',
]);

/**
 * The result of a read, or why it failed: an explanation continues without what this user may not read.
 *
 * @throws what no other question would fare better with: the API server is not reached, or does not know this user
 */
export async function tryRead<T>(answer: Promise<T>): Promise<Lookup<T>> {
  try {
    return { kind: 'known', value: await answer };
  } catch (thrown) {
    if (isApiError(thrown) && !HOPELESS.has(thrown.code)) return { kind: 'unreadable', why: thrown.message };
    throw thrown;
  }
}
