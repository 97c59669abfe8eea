import { shortened } from '../../core/cause-text.ts';
import { LONGEST_AGENT_MESSAGE } from '../../core/server-answer.ts';
import { classify } from '../sources/classify.ts';
import { printable, scrub, shownUri } from '../sources/redact.ts';
import type { PullRequest, PullResult } from './contract.ts';

/**
 * What anything thrown during a pull is to the agent.
 * @param secrets values that must not be in the message whatever happened.
 */
export function failedPull(
  thrown: unknown,
  { storageUri }: Pick<PullRequest, 'storageUri'>,
  secrets: readonly string[],
): Extract<PullResult, { kind: 'failed' }> {
  const error = classify(thrown, shownUri(storageUri));
  return {
    kind: 'failed',
    reason: error.reason,
    message: shortened(printable(scrub(error.message, secrets), Infinity), LONGEST_AGENT_MESSAGE),
    retry: error.retryable ? 'soon' : 'rarely',
    ...(error.retryAfterMs === undefined ? {} : { retryAfterMs: error.retryAfterMs }),
  };
}
