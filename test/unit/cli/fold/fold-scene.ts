import type { FoldFacts, PodFacts } from '../../../../src/cli/fold/candidate.decide.ts';
import { milliCpu } from '../../../../src/cli/fold/amounts.decide.ts';
import type { Amount } from '../../../../src/cli/fold/amounts.decide.ts';
import type { Assumptions } from '../../../../src/cli/fold/memory.decide.ts';
import { foldReport } from '../../../../src/cli/fold/report.decide.ts';
import type { FoldReport } from '../../../../src/cli/fold/report.decide.ts';
import type { InferenceService } from '../../../../src/contract/inference-service.ts';
import { bytes } from '../../../../src/lib/quantity.ts';

export const MI = 1024 ** 2;

export function amount(cpu: number, mebibytes: number): Amount {
  return { cpu: milliCpu(cpu), memory: bytes(mebibytes * MI) };
}

type Fields = Readonly<Record<string, unknown>>;

export interface ServiceChanges {
  readonly metadata?: Fields;
  readonly spec?: Fields;
  readonly predictor?: Fields;
  readonly model?: Fields;
}

/** An InferenceService that can share pods with all others from this function, except for its changes. */
export function single(name: string, changes: ServiceChanges = {}): InferenceService {
  const model = {
    ...{ modelFormat: { name: 'sklearn' }, protocolVersion: 'v2', storageUri: `s3://models/${name}` },
    resources: { requests: { cpu: '1', memory: '600Mi' }, limits: { cpu: '1', memory: '600Mi' } },
    ...changes.model,
  };
  return {
    metadata: { name, namespace: 'flowers', ...changes.metadata },
    spec: { predictor: { model, ...changes.predictor }, ...changes.spec },
  };
}

export const AGENT = amount(100, 100);

export function facts(services: readonly InferenceService[], more: Partial<FoldFacts> = {}): FoldFacts {
  return {
    ...{ services, trainedModels: new Map(), runtimes: [], allRuntimes: false, pods: undefined },
    ...{ agent: AGENT, defaultMode: undefined, artifacts: new Map(), ...more },
  };
}

export function pod(inferenceService: string, more: Partial<PodFacts> = {}): PodFacts {
  const nothing = amount(0, 0);
  return {
    ...{ namespace: 'flowers', inferenceService, server: amount(1000, 600), beside: nothing, agent: nothing },
    ...{ used: undefined, ...more },
  };
}

const ASSUMED: Assumptions = {
  ...{ emptyServer: undefined, modelMemory: undefined, margin: 0.25 },
  ...{ podMemory: bytes(16 * 1024 * MI), modelsPerPod: 500 },
};

export function reportOf(
  given: FoldFacts,
  assumed: Partial<Assumptions> = {},
  more: Partial<Parameters<typeof foldReport>[1]> = {},
): FoldReport {
  return foldReport(given, {
    assumed: { ...ASSUMED, ...assumed },
    ...{ prices: { cpu: undefined, memory: undefined }, trusted: new Set(), only: new Set() },
    ...{ unmeasured: undefined, ...more },
  });
}

/** The groups that share pods, and the codes for those that stay alone. */
export function outcome(report: FoldReport): { groups: string[][]; alone: Record<string, string> } {
  return {
    groups: report.groups.map(({ group }) => group.members.map(({ candidate }) => candidate.name)),
    alone: Object.fromEntries(report.alone.map(({ name, obstacle }) => [name, obstacle.code])),
  };
}
