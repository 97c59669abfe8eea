import { formatBytes } from '../../lib/quantity.ts';
import type { Bytes } from '../../lib/quantity.ts';
import { shortBytes } from '../top/short-bytes.decide.ts';
import type { HalfBudget } from './half-budget.decide.ts';
import type { FoldReport, ReportedGroup } from './report.decide.ts';
import type { Footprint } from './savings.decide.ts';

/** Headings and rows, as `table` prints them. */
export interface Cells {
  readonly headings: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

/** `flowers/iris`, or only the name when the files do not have the namespace. */
export function placeOf({ namespace, name }: { readonly namespace: string; readonly name: string }): string {
  return namespace === '' ? name : `${namespace}/${name}`;
}

export function groupCells({ groups }: FoldReport): Cells {
  return {
    headings: ['SHARED INFERENCESERVICE', 'MODELS', 'RUNTIME', 'PROTOCOL', 'PODS', 'CPU', 'MEMORY'],
    rows: groups.map(({ group, before, after }) => {
      const [{ candidate }] = group.members;
      return [
        ...[
          placeOf(group),
          String(group.members.length),
          candidate.server.runtime ?? '-',
          candidate.protocol,
        ],
        ...[change(String(before.pods), String(after.pods)), change(cores(before), cores(after))],
        change(memory(before.memory), memory(after.memory)),
      ];
    }),
  };
}

/** Each model with the memory that it should declare, for `-o wide`. */
export function modelCells({ groups }: FoldReport): Cells {
  return {
    headings: ['MODEL', 'SHARED INFERENCESERVICE', 'MEMORY', 'MEMORY IS'],
    rows: groups.flatMap(({ group }) =>
      group.members.map(({ candidate, memory: { memory: amount, source } }) => [
        ...[placeOf(candidate), group.name, formatBytes(amount), source],
      ]),
    ),
  };
}

export function aloneCells({ alone }: FoldReport): Cells {
  return {
    headings: ['STAYS ALONE', 'CODE', 'BECAUSE'],
    rows: alone.map(({ namespace, name, obstacle }) => [
      placeOf({ namespace, name }),
      obstacle.code,
      obstacle.message,
    ]),
  };
}

/** One sentence with the total. */
export function savedText({ groups, before, after, saved, money }: FoldReport): string {
  if (groups.length === 0) return 'No InferenceServices could share pods.';
  const models = groups.reduce((sum, { group }) => sum + group.members.length, 0);
  const paid =
    money === undefined
      ? ''
      : ` A month costs ${money.after.toFixed(2)} instead of ${money.before.toFixed(2)}: ${money.saved.toFixed(2)} less.`;
  return (
    `${models} InferenceServices could share ${after.pods} ${after.pods === 1 ? 'pod' : 'pods'} instead of ${before.pods}. ` +
    `Requested: ${cores(after)} CPU instead of ${cores(before)} (${share(saved.cpu, before.cpu)}), ` +
    `${memory(after.memory)} of memory instead of ${memory(before.memory)} (${share(Number(saved.memory), Number(before.memory))}).${paid}`
  );
}

/** How many groups' changes are printed; a longer list would not be read. */
const GROUPS_SHOWN = 5;

/** What changes for clients, group by group. */
export function changeLines(groups: readonly ReportedGroup[]): string[] {
  const lines = groups
    .slice(0, GROUPS_SHOWN)
    .flatMap(({ group, changes }) => [
      `${placeOf(group)}:`,
      ...changes.map(({ message }) => `  - ${message}`),
    ]);
  const more = groups.length - GROUPS_SHOWN;
  return more > 0 ? [...lines, `The same kind of changes for ${more} more: -o json has them all.`] : lines;
}

/** The effect of half the memory, group by group; empty when no requests were counted. */
export function halfBudgetLines({ groups }: FoldReport): string[] {
  return groups.flatMap(({ group, halfBudget }) =>
    halfBudget === undefined ? [] : [`${placeOf(group)}: ${halfBudgetText(halfBudget)}`],
  );
}

function halfBudgetText(found: HalfBudget): string {
  const { memory: half, insteadOf, fit, others, requests, requestsToOthers, uncounted } = found;
  const waited = ((requestsToOthers / requests) * 100).toFixed(1);
  const silent = uncounted === 0 ? '' : `; ${uncounted} had none counted`;
  return (
    `${shortBytes(half)} in a pod instead of ${shortBytes(insteadOf)}. ${fit} of ${fit + others} models fit, those asked most; the others had ` +
    `${waited} % of ${Math.round(requests)} requests, so no more than these wait for their model${silent}.`
  );
}

function change(before: string, after: string): string {
  return `${before} -> ${after}`;
}

/** Cores with at most one decimal. */
function cores({ cpu }: Pick<Footprint, 'cpu'>): string {
  return String(Math.round(cpu / 100) / 10);
}

function memory(amount: Bytes): string {
  return amount === 0n ? '0' : shortBytes(amount);
}

function share(saved: number, before: number): string {
  if (before === 0) return 'none before';
  const percent = Math.round((saved / before) * 100);
  return percent < 0 ? `${-percent} % more` : `${percent} % less`;
}
