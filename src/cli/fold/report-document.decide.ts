import type { HalfBudget } from './half-budget.decide.ts';
import type { FoldReport, ReportedGroup } from './report.decide.ts';
import type { Footprint } from './savings.decide.ts';

/** Within a version, fields are added but never removed or changed in meaning. */
const DOCUMENT_VERSION = 'kserve-mms/fold.v1';

/** The report for programs: memory in bytes, CPU in cores. */
export function reportDocument(report: FoldReport): object {
  const { groups, alone, before, after, saved, money, assumptions } = report;
  return {
    version: DOCUMENT_VERSION,
    groups: groups.map(groupDocument),
    alone: alone.map(({ namespace, name, obstacle }) => ({
      ...{ namespace: orNull(namespace), name, code: obstacle.code, reason: obstacle.message },
    })),
    total: { before: amounts(before), after: amounts(after), saved: amounts(saved) },
    moneyByMonth: money ?? null,
    assumptions,
  };
}

function groupDocument({ group, shared, before, after, changes, halfBudget }: ReportedGroup): object {
  const [{ candidate }] = group.members;
  return {
    ...{ namespace: orNull(group.namespace), name: group.name, runtime: candidate.server.runtime ?? null },
    ...{ format: candidate.request?.format.name ?? null, protocol: candidate.protocol },
    ...{ replicas: shared.replicas, emptyServerMemory: Number(group.emptyServer) },
    ...{ before: amounts(before), after: amounts(after) },
    models: group.members.map(({ candidate: { name }, storageUri, memory }) => ({
      ...{ name, storageUri, memory: Number(memory.memory), memoryIs: memory.source },
    })),
    ...{ changes, halfBudget: halfBudget === undefined ? null : halfBudgetDocument(halfBudget) },
  };
}

function halfBudgetDocument({ memory, fit, others, requests, requestsToOthers }: HalfBudget): object {
  return { memory: Number(memory), modelsThatFit: fit, otherModels: others, requests, requestsToOthers };
}

function amounts({ pods, cpu, memory }: Footprint): object {
  return { pods, cpu: cpu / 1000, memory: Number(memory) };
}

function orNull(text: string): string | null {
  return text === '' ? null : text;
}
