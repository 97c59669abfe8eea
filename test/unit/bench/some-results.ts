import { collectFigures } from '../../../bench/report/results.ts';
import type { Contender, PartName, Results, Sample } from '../../../bench/report/results.ts';

export type Runs = readonly (readonly [part: PartName, contender: Contender, sample: Sample])[];

/** Results made up for a test. */
export function someResults(runs: Runs, changes: Partial<Results> = {}): Results {
  const parts = [...new Set(runs.map(([part]) => part))];
  return {
    machine: {
      ...{ cpu: 'Some CPU', cores: 2, memoryGib: 8, kernel: '6.1' },
      ...{ node: '24.0.0', go: '1.26', kubernetes: '1.36.3', kserve: 'v0.17.0' },
    },
    runs: parts.map((part) => ({
      ...{ part, plan: 'whole' as const, startedAt: '2026-11-25T10:00:00.000Z', minutes: 1 },
    })),
    figures: collectFigures(runs.map(([part, contender, sample]) => ({ part, contender, sample }))),
    ...changes,
  };
}
