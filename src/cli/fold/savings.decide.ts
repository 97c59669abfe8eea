import { bytes } from '../../lib/quantity.ts';
import type { Bytes } from '../../lib/quantity.ts';
import { NOTHING, milliCpu, sumOf, times, wholeMebibytes, withMargin } from './amounts.decide.ts';
import type { Amount, MilliCpu } from './amounts.decide.ts';
import type { Group } from './groups.decide.ts';
import { measuredCpu, podRequestsOf } from './memory.decide.ts';
import type { Assumptions } from './memory.decide.ts';

/** Pods and their requests together. */
export interface Footprint extends Amount {
  readonly pods: number;
}

/** One shared pod, and the number of them. */
export interface SharedPods {
  readonly replicas: number;
  /** Requests of the model server. */
  readonly server: Amount;
  /** Its request plus the margin: requests and loads need memory beside the models. */
  readonly memoryLimit: Bytes;
  readonly beside: Amount;
  readonly agent: Amount;
  readonly total: Footprint;
}

/** Prices in any currency. */
export interface Prices {
  /** Per core and hour. */
  readonly cpu: number | undefined;
  /** Per GiB and hour. */
  readonly memory: number | undefined;
}

const HOURS_OF_A_MONTH = 730;
const GIBIBYTE = 1024 ** 3;

export function sumOfFootprints(footprints: readonly Footprint[]): Footprint {
  return { pods: footprints.reduce((sum, { pods }) => sum + pods, 0), ...sumOf(footprints) };
}

/** May be negative: small pods together can request less than a shared one with its agent. */
export function difference(before: Footprint, after: Footprint): Footprint {
  return {
    pods: before.pods - after.pods,
    cpu: milliCpu(before.cpu - after.cpu),
    memory: bytes(before.memory - after.memory),
  };
}

/** For a month of 730 hours; undefined without any price. A resource without a price costs nothing. */
export function monthlyCost({ cpu, memory }: Amount, prices: Prices): number | undefined {
  if (prices.cpu === undefined && prices.memory === undefined) return undefined;
  const cores = (cpu / 1000) * (prices.cpu ?? 0);
  const gibibytes = (Number(memory) / GIBIBYTE) * (prices.memory ?? 0);
  return (cores + gibibytes) * HOURS_OF_A_MONTH;
}

/** The current requests of all members' pods. */
export function footprintBefore({ members }: Pick<Group, 'members'>): Footprint {
  return sumOfFootprints(
    members.map(({ candidate }) => {
      const { count, total } = podRequestsOf(candidate);
      return { pods: count, ...total };
    }),
  );
}

/**
 * The shared pods: as many as the member with the most has or asks for. Their server requests the memory of an empty
 * one and of each model. Its CPU is that of the largest member, or the measured use of all members plus the margin,
 * whichever is more.
 */
export function sharedPodsOf(group: Group, agent: Amount, assumed: Assumptions): SharedPods {
  const now = group.members.map(({ candidate }) => podRequestsOf(candidate));
  const replicas = Math.max(1, ...now.map(({ wanted }) => wanted));
  const models = group.members.reduce((sum, { memory }) => sum + memory.memory, 0n);
  const server = {
    cpu: cpuOf(group, Math.max(...now.map(({ server: one }) => one.cpu)), replicas, assumed),
    memory: wholeMebibytes(bytes(group.emptyServer + models)),
  };
  const beside = now.find(({ beside: one }) => one.cpu > 0 || one.memory > 0n)?.beside ?? NOTHING;
  const total = { pods: replicas, ...times(sumOf([server, beside, agent]), replicas) };
  const memoryLimit = wholeMebibytes(withMargin(server.memory, assumed.margin));
  return { replicas, server, memoryLimit, beside, agent, total };
}

/** Users usually write CPU in steps of a tenth of a core. */
const CPU_STEP = 100;

function cpuOf({ members }: Group, largest: number, replicas: number, { margin }: Assumptions): MilliCpu {
  const measured = members.reduce((sum, { candidate }) => sum + (measuredCpu(candidate) ?? 0), 0);
  const wanted = Math.ceil((measured * (1 + margin)) / replicas / CPU_STEP) * CPU_STEP;
  return milliCpu(Math.max(largest, wanted));
}
