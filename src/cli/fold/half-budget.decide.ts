import { compareText } from '../../lib/compare-text.ts';
import { bytes } from '../../lib/quantity.ts';
import type { Bytes } from '../../lib/quantity.ts';
import type { Group } from './groups.decide.ts';

/** The number of requests by `namespace/name`, or by `/name` when the source does not have the namespace. */
export type RequestCounts = ReadonlyMap<string, number>;

/** The effect of half the memory on a group whose models are loaded on request (`kserve-mms/residency: on-demand`). */
export interface HalfBudget {
  /** For all models together, per pod. */
  readonly memory: Bytes;
  readonly insteadOf: Bytes;
  /** How many fit, the most requested first. */
  readonly fit: number;
  readonly others: number;
  readonly requests: number;
  /** Requests to the other models. At most these wait for their model to be loaded. */
  readonly requestsToOthers: number;
  /** How many models have no counted requests. */
  readonly uncounted: number;
}

/** Undefined when no request of any model was counted. */
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
