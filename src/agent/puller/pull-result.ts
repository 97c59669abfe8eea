import { shortened } from '../../contract/cause-text.ts';
import { LONGEST_AGENT_MESSAGE } from '../../contract/server-answer.ts';
import { classify } from '../sources/classify.ts';
import { printable, scrub, shownUri } from '../sources/redact.ts';
import type { PullRequest, PullResult } from './contract.ts';

/**
 * Turns anything thrown during a pull into the agent's result.
 * @param secrets values that must never be in the message.
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
