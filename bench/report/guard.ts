import * as names from './figure-names.ts';
import type { Contender, PartName, Results } from './results.ts';
import { shownNumber } from './format.ts';
import { lookupIn } from './targets.ts';

/** Bounds that only a loss exceeds: each is about half way between the measured ratio and a loss. */
interface Bound {
  readonly part: PartName;
  readonly name: string;
  /** The contender whose figure divides ours; undefined for our figure itself, a count. */
  readonly to: Contender | undefined;
  readonly least?: number;
  readonly most?: number;
}

const BURST = { models: 100, services: 1 };

/**
 * The client of KServe's manager limits its own requests up to v0.17, but not since v0.20: its webhook then admits
 * about ten times as many pods. Ours is therefore also compared with the instant webhook.
 */
const BOUNDS: readonly Bound[] = [
  { part: 'admission', name: names.podsASecond(16), to: 'kserve', least: 1 },
  { part: 'admission', name: names.podsASecond(16), to: 'instant', least: 0.5 },
  { part: 'burst', name: names.burstTime(BURST), to: 'kserve', most: 0.25 },
  { part: 'burst', name: names.burstWrites(BURST), to: undefined, most: 10 },
  { part: 'agent', name: names.startTime(90), to: 'kserve', most: 5 },
  { part: 'agent', name: names.applyTime('100 MB'), to: 'kserve', most: 2 },
  { part: 'agent', name: names.UPDATE_TIME, to: 'kserve', most: 2.5 },
  { part: 'agent', name: names.UPDATE_FAILURES, to: undefined, most: 0 },
  { part: 'data-path', name: names.requestsASecond(16), to: 'kserve', least: 0.8 },
];

export const BOUND_COUNT = BOUNDS.length;

/** One sentence for each loss; empty when there is none. A missing figure is a loss too. */
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
