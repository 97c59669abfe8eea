import type { Known } from '../../lib/lookup.ts';
import { knownAnswer } from '../known-answers.ts';

/** What an access review that was created says. */
export async function reviewed(
  review: Promise<{ readonly status?: { readonly allowed?: boolean } }>,
): Promise<Known<boolean>> {
  const answer = await knownAnswer(review);
  return answer.kind === 'known' ? { kind: 'known', value: answer.value.status?.allowed === true } : answer;
}
