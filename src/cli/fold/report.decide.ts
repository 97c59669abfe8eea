import { formatBytes } from '../../lib/quantity.ts';
import type { Bytes } from '../../lib/quantity.ts';
import type { Amount } from './amounts.decide.ts';
import { formatCpu } from './amounts.decide.ts';
import type { FoldFacts } from './candidate.decide.ts';
import { clientChanges } from './client-changes.decide.ts';
import type { ClientChange } from './client-changes.decide.ts';
import { groupServices } from './groups.decide.ts';
import type { Choice, Group, Member } from './groups.decide.ts';
import { halfBudgetOf } from './half-budget.decide.ts';
import type { HalfBudget, RequestCounts } from './half-budget.decide.ts';
import { KSERVE_REQUESTS } from './memory.decide.ts';
import type { Assumptions } from './memory.decide.ts';
import type { Obstacle } from './obstacles.decide.ts';
import { difference, footprintBefore, monthlyCost, sharedPodsOf, sumOfFootprints } from './savings.decide.ts';
import type { Footprint, Prices, SharedPods } from './savings.decide.ts';

/** A group with its requests before and after. */
export interface ReportedGroup {
  readonly group: Group;
  readonly shared: SharedPods;
  readonly before: Footprint;
  readonly after: Footprint;
  readonly changes: readonly ClientChange[];
  /** Undefined when no requests were counted. */
  readonly halfBudget: HalfBudget | undefined;
}

/** The effect of sharing pods; nothing is changed. */
export interface FoldReport {
  readonly groups: readonly ReportedGroup[];
  readonly alone: readonly {
    readonly namespace: string;
    readonly name: string;
    readonly obstacle: Obstacle;
  }[];
  /** Totals of all groups. */
  readonly before: Footprint;
  readonly after: Footprint;
  readonly saved: Footprint;
  /** Per month; undefined without prices. */
  readonly money: { readonly before: number; readonly after: number; readonly saved: number } | undefined;
  readonly assumptions: readonly string[];
}

interface ReportOptions extends Choice {
  readonly assumed: Assumptions;
  readonly prices: Prices;
  /** Why nothing is measured; undefined when it is, or without a cluster. */
  readonly unmeasured: string | undefined;
  /** Undefined when requests were not counted. */
  readonly counts?: RequestCounts | undefined;
}

export function foldReport(facts: FoldFacts, options: ReportOptions): FoldReport {
  const { groups, alone } = groupServices(facts, options.assumed, options);
  const reported = groups.map((group): ReportedGroup => {
    const shared = sharedPodsOf(group, facts.agent, options.assumed);
    const changes = clientChanges(group, shared);
    const halfBudget = options.counts && halfBudgetOf(group, options.counts);
    return { group, shared, before: footprintBefore(group), after: shared.total, changes, halfBudget };
  });
  const before = sumOfFootprints(reported.map((one) => one.before));
  const after = sumOfFootprints(reported.map((one) => one.after));
  return {
    groups: reported,
    alone: alone.map(({ candidate: { namespace, name }, obstacle }) => ({ namespace, name, obstacle })),
    ...{ before, after, saved: difference(before, after) },
    money: moneyOf(before, after, options.prices),
    assumptions: assumptionsOf(facts, reported, options),
  };
}

function moneyOf(before: Footprint, after: Footprint, prices: Prices): FoldReport['money'] {
  const [had, has] = [monthlyCost(before, prices), monthlyCost(after, prices)];
  return had === undefined || has === undefined ? undefined : { before: had, after: has, saved: had - has };
}

/** All assumptions behind the figures, so that a reader can find errors. */
function assumptionsOf(
  facts: FoldFacts,
  reported: readonly ReportedGroup[],
  { assumed, prices, unmeasured }: ReportOptions,
): string[] {
  if (reported.length === 0) return [];
  const members = reported.flatMap(({ group }) => group.members);
  return [
    facts.pods === undefined
      ? `Pods now: minReplicas of each, else 1, with the requests that are written; where none are, ${amountText(KSERVE_REQUESTS)}, KServe's default.`
      : 'Pods now: those that are in the cluster, with what their containers request.',
    `The agent of each shared pod requests ${amountText(facts.agent)}.`,
    ...emptyServers(reported),
    ...modelSources(members, assumed),
    ...(unmeasured === undefined ? [] : [`Nothing is measured: ${unmeasured} ${ASK_SOURCES}`]),
    `CPU of a shared pod: that of the member that requests most, or what all members use now plus ${percent(assumed.margin)}, whichever is more. More models mean more requests: watch it.`,
    `Memory of a shared pod: it requests that of an empty server and all models; its limit is ${percent(assumed.margin)} higher.`,
    `Replicas: as many as the member with the most has, or sets in minReplicas. At most ${formatBytes(assumed.podMemory)} and ${assumed.modelsPerPod} models in a shared pod.`,
    ...(prices.cpu === undefined && prices.memory === undefined
      ? []
      : ['Money: a month has 730 hours, and all requests are paid.']),
  ];
}

const ASK_SOURCES =
  '--server-metrics asks the model servers, and --artifact-sizes the sources how large the models are.';

function amountText({ cpu, memory }: Amount): string {
  return `${formatCpu(cpu)} CPU and ${formatBytes(memory)}`;
}

function emptyServers(reported: readonly ReportedGroup[]): string[] {
  const byServer = new Map<string, Bytes>();
  for (const { group } of reported) {
    const [{ candidate }] = group.members;
    byServer.set(
      candidate.server.kind?.name ?? `the server of runtime ${candidate.server.runtime ?? ''}`,
      group.emptyServer,
    );
  }
  return [...byServer].map(([server, memory]) =>
    memory === 0n
      ? `An empty server (${server}): unknown, so nothing is subtracted from its models; set --empty-server.`
      : `An empty server (${server}) uses ${formatBytes(memory)}.`,
  );
}

function modelSources(members: readonly Member[], { margin, modelMemory }: Assumptions): string[] {
  const count = (wanted: Member['memory']['source']): number =>
    members.filter(({ memory }) => memory.source === wanted).length;
  const lines: readonly (readonly [number, string])[] = [
    [count('measured'), `is what its pods use now, minus an empty server, plus ${percent(margin)}`],
    [count('given'), `is ${modelMemory === undefined ? '' : formatBytes(modelMemory)}, as given`],
    [count('artifact'), 'is a guess: twice the size of its artifact'],
    [
      count('declared'),
      'is what its pod requests, minus an empty server: an upper bound, and likely far too high',
    ],
    [count('guess'), 'is a guess'],
  ];
  return lines
    .filter(([number]) => number > 0)
    .map(([number, text]) => `The memory of ${number} ${number === 1 ? 'model' : 'models'} ${text}.`);
}

function percent(share: number): string {
  return `${Math.round(share * 100)} %`;
}
