import { compareText } from '../../lib/compare-text.ts';
import { bytes } from '../../lib/quantity.ts';
import type { Bytes } from '../../lib/quantity.ts';
import type { Group } from './groups.decide.ts';

/** How often each model was asked, by `namespace/name`; by `/name` where what was read does not say the namespace. */
export type RequestCounts = ReadonlyMap<string, number>;

/** What half the memory would mean to a group whose models are loaded when they are asked (`kserve-mms/residency: on-demand`). */
export interface HalfBudget {
  /** For all models together, in one pod. */
  readonly memory: Bytes;
  readonly insteadOf: Bytes;
  /** Those asked most, as many as fit. */
  readonly fit: number;
  readonly others: number;
  readonly requests: number;
  /** To the others. No more than these wait for their model to be loaded. */
  readonly requestsToOthers: number;
  /** How many models have no request counted. */
  readonly uncounted: number;
}

/** Undefined: no request of any of them was counted, so nothing can be said. */
export function halfBudgetOf(
  { namespace, members }: Pick<Group, 'namespace' | 'members'>,
  counts: RequestCounts,
): HalfBudget | undefined {
  const asked = members
    .map(({ candidate: { name }, memory: { memory } }) => ({
      ...{ name, memory },
      requests: counts.get(`${namespace}/${name}`) ?? counts.get(`/${name}`) ?? 0,
    }))
    .sort((a, b) => b.requests - a.requests || compareText(a.name, b.name));
  const requests = asked.reduce((sum, one) => sum + one.requests, 0);
  if (requests === 0) return undefined;
  const insteadOf = asked.reduce((sum, { memory }) => sum + memory, 0n);
  const memory = insteadOf / 2n;
  let room = memory;
  const others = asked.filter((one) => {
    if (one.memory > room) return true;
    room -= one.memory;
    return false;
  });
  return {
    ...{ memory: bytes(memory), insteadOf: bytes(insteadOf), requests },
    ...{ fit: asked.length - others.length, others: others.length },
    requestsToOthers: others.reduce((sum, one) => sum + one.requests, 0),
    uncounted: asked.filter((one) => one.requests === 0).length,
  };
}
