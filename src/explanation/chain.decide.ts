import type { LinkId } from './links.decide.ts';
import { LINKS } from './links.decide.ts';

/** The result of one check; `unknown`: it could not be made. */
export interface StepResult {
  readonly outcome: 'ok' | 'broken' | 'unknown';
  /** One sentence for the user. */
  readonly message: string;
  /** What to do, when more specific than the table's advice. */
  readonly advice?: string;
}

export interface Link {
  readonly id: LinkId;
  readonly outcome: StepResult['outcome'] | 'not reached';
  readonly message: string;
  /** Present when the user can do something. */
  readonly advice?: string;
}

/** The first broken link, and all links before it. The messages of later links would not be true. */
export interface Explanation {
  readonly kind: 'TrainedModel' | 'InferenceService' | 'Pod';
  readonly namespace: string;
  readonly name: string;
  readonly links: readonly Link[];
  /** The first broken link; absent when all hold as far as known. */
  readonly broken?: Link;
}

/** One check, made if the chain holds so far. */
export type Step = readonly [id: LinkId, check: () => StepResult];

export const ok = (message: string): StepResult => ({ outcome: 'ok', message });
export const unknown = (message: string, advice?: string): StepResult => ({
  ...{ outcome: 'unknown', message },
  ...(advice !== undefined && { advice }),
});
/** A question at the end of the message about a missing name; empty when no name is similar. */
export const guess = (near: readonly string[]): string =>
  near.length > 0 ? `; did you mean ${near.join(', ')}?` : '';
export const broken = (message: string, advice?: string): StepResult => ({
  ...{ outcome: 'broken', message },
  ...(advice !== undefined && { advice }),
});

/** Follows the chain up to its first broken link. An unknown link does not end it. */
export function explanation(
  subject: Pick<Explanation, 'kind' | 'namespace' | 'name'>,
  steps: readonly Step[],
): Explanation {
  const links: Link[] = [];
  let first: Link | undefined;
  for (const [id, check] of steps) {
    if (first !== undefined) {
      links.push({ id, outcome: 'not reached', message: LINKS[id].meaning });
      continue;
    }
    const { outcome, message, advice } = check();
    const link = { id, outcome, message, ...(outcome !== 'ok' && { advice: advice ?? LINKS[id].advice }) };
    links.push(link);
    if (outcome === 'broken') first = link;
  }
  return { ...subject, links, ...(first !== undefined && { broken: first }) };
}
