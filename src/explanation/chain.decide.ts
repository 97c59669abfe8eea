import type { LinkId } from './links.decide.ts';
import { LINKS } from './links.decide.ts';

/** How one link was found; `unknown`: it could not be looked at. */
export interface Verdict {
  readonly outcome: 'ok' | 'broken' | 'unknown';
  /** One sentence for people. */
  readonly message: string;
  /** What to do, where more can be said than the table has. */
  readonly advice?: string;
}

export interface Link {
  readonly id: LinkId;
  readonly outcome: Verdict['outcome'] | 'not reached';
  readonly message: string;
  /** Present where there is something to do. */
  readonly advice?: string;
}

/** The first broken link, and all before it. Those behind it say what they would be about. */
export interface Explanation {
  readonly kind: 'TrainedModel' | 'InferenceService' | 'Pod';
  readonly namespace: string;
  readonly name: string;
  readonly links: readonly Link[];
  /** The first broken link; absent when all hold as far as could be seen. */
  readonly broken?: Link;
}

/** One link to be looked at, if the chain holds so far. */
export type Step = readonly [id: LinkId, judge: () => Verdict];

export const ok = (message: string): Verdict => ({ outcome: 'ok', message });
export const unknown = (message: string, advice?: string): Verdict => ({
  ...{ outcome: 'unknown', message },
  ...(advice !== undefined && { advice }),
});
/** A question that ends the message of a name that is not there; empty where no name is like it. */
export const guess = (near: readonly string[]): string =>
  near.length > 0 ? `; did you mean ${near.join(', ')}?` : '';
export const broken = (message: string, advice?: string): Verdict => ({
  ...{ outcome: 'broken', message },
  ...(advice !== undefined && { advice }),
});

/** Goes along the chain up to its first broken link. What is unknown does not end it. */
export function explanation(
  subject: Pick<Explanation, 'kind' | 'namespace' | 'name'>,
  steps: readonly Step[],
): Explanation {
  const links: Link[] = [];
  let first: Link | undefined;
  for (const [id, judge] of steps) {
    if (first !== undefined) {
      links.push({ id, outcome: 'not reached', message: LINKS[id].meaning });
      continue;
    }
    const { outcome, message, advice } = judge();
    const link = { id, outcome, message, ...(outcome !== 'ok' && { advice: advice ?? LINKS[id].advice }) };
    links.push(link);
    if (outcome === 'broken') first = link;
  }
  return { ...subject, links, ...(first !== undefined && { broken: first }) };
}
