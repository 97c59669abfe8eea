import * as names from './figure-names.ts';
import type { Contender, PartName, Results } from './results.ts';
import { shownNumber } from './format.ts';
import { lookupIn } from './targets.ts';

/** A ratio that only a loss takes over its bound: each is some half way between what is seen and a loss. */
interface Bound {
  readonly part: PartName;
  readonly name: string;
  /** Whose figure ours is divided by; undefined: ours as it is, a count. */
  readonly to: Contender | undefined;
  readonly least?: number;
  readonly most?: number;
}

const BURST = { models: 100, services: 1 };

/**
 * The client of KServe's manager limits its own requests up to v0.17, and since v0.20 no more: its webhook then lets in some ten times
 * as many pods. So ours is held to the webhook that takes no time, too.
 */
const BOUNDS: readonly Bound[] = [
  { part: 'admission', name: names.podsASecond(16), to: 'kserve', least: 1 },
  { part: 'admission', name: names.podsASecond(16), to: 'instant', least: 0.5 },
  { part: 'burst', name: names.burstTime(BURST), to: 'kserve', most: 0.25 },
  { part: 'burst', name: names.burstWrites(BURST), to: undefined, most: 10 },
  { part: 'agent', name: names.startTime(90), to: 'kserve', most: 6 },
  { part: 'agent', name: names.applyTime('100 MB'), to: 'kserve', most: 2 },
  { part: 'agent', name: names.UPDATE_TIME, to: 'kserve', most: 2.5 },
  { part: 'agent', name: names.UPDATE_FAILURES, to: undefined, most: 0 },
  { part: 'data-path', name: names.requestsASecond(16), to: 'kserve', least: 0.8 },
];

export const BOUND_COUNT = BOUNDS.length;

/** What is lost, a sentence each; empty when all is well. A figure that is missing is a loss as well. */
export function losses(results: Results): string[] {
  const of = lookupIn(results);
  return BOUNDS.flatMap(({ part, name, to, least = -Infinity, most = Infinity }) => {
    const ours = of(part, name, 'ours');
    const other = to === undefined ? 1 : of(part, name, to);
    if (ours === undefined || other === undefined) return [`${part}: ${name} was not measured`];
    const seen = ours / other;
    if (seen >= least && seen <= most) return [];
    const bound = seen < least ? `at least ${least}` : `at most ${most}`;
    return [
      `${part}: ${name}${to === undefined ? '' : `, to ${to}`}: ${shownNumber(seen)}, and it must be ${bound}`,
    ];
  });
}
