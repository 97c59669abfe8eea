import type { Lookup } from '../../lib/lookup.ts';
import { tryRead } from '../try-read.ts';

/** What an access review that was created says. */
export async function reviewed(
  review: Promise<{ readonly status?: { readonly allowed?: boolean } }>,
): Promise<Lookup<boolean>> {
  const answer = await tryRead(review);
  return answer.kind === 'known' ? { kind: 'known', value: answer.value.status?.allowed === true } : answer;
}
