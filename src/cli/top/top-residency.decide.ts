import { compareText } from '../../lib/compare-text.ts';
import { bytes } from '../../lib/quantity.ts';
import type { MetricSample } from '../../lib/metrics-text.ts';
import { hitRatio, phasesIn, residencyIn, residencySum } from '../../contract/residency-figures.ts';
import type { ResidencyFigures } from '../../contract/residency-figures.ts';
import { shortBytes } from './short-bytes.decide.ts';

/** What one agent with on-demand residency says: models by where they are, and what is in memory. */
export interface PodResidency extends ResidencyFigures {
  /** Asleep, with their files on disk; and those whose files have to be fetched. */
  readonly standby: number;
  readonly remote: number;
}

/** The pods of one InferenceService together. */
interface ServiceResidency {
  readonly namespace: string;
  readonly name: string;
  readonly pods: number;
  readonly figures: PodResidency;
}

/** Undefined for an agent whose models always stay in memory. */
export function podResidency(samples: readonly MetricSample[]): PodResidency | undefined {
  const figures = residencyIn(samples);
  if (figures === undefined) return undefined;
  const phases = [...phasesIn(samples).values()];
  const count = (phase: string): number => phases.filter((one) => one === phase).length;
  return { ...figures, standby: count('Standby'), remote: count('Remote') };
}

/** Each InferenceService with an agent that lets models sleep, by name. */
export function residentServices(
  pods: readonly {
    readonly namespace: string;
    readonly inferenceService: string;
    readonly residency?: PodResidency;
  }[],
): ServiceResidency[] {
  const services = new Map<string, ServiceResidency>();
  for (const { namespace, inferenceService: name, residency } of pods) {
    if (residency === undefined) continue;
    const key = `${namespace}/${name}`;
    const before = services.get(key);
    const figures = before === undefined ? residency : sumOf(before.figures, residency);
    services.set(key, { namespace, name, pods: (before?.pods ?? 0) + 1, figures });
  }
  return [...services.values()].sort(
    (a, b) => compareText(a.namespace, b.namespace) || compareText(a.name, b.name),
  );
}

function sumOf(a: PodResidency, b: PodResidency): PodResidency {
  return { ...residencySum(a, b), standby: a.standby + b.standby, remote: a.remote + b.remote };
}

const HEADINGS = [
  ...['INFERENCESERVICE', 'PODS', 'IN MEMORY', 'STANDBY', 'REMOTE', 'DECLARED', 'MEASURED', 'BUDGET'],
  ...['HITS', 'COLD STARTS'],
];

/** The second table of `mms top`; models are counted once a pod. */
export function residencyTable(
  services: readonly ServiceResidency[],
  namespaces: boolean,
): { readonly headings: readonly string[]; readonly rows: readonly string[][] } {
  const rows = services.map(({ namespace, name, pods, figures }) => {
    const { resident, standby, remote, declared, measured, budget, misses } = figures;
    return [
      ...(namespaces ? [namespace] : []),
      ...[name, ...[pods, resident, standby, remote].map(String)],
      ...[declared, measured, budget].map(amountOf),
      ...[shareOf(figures), String(misses)],
    ];
  });
  return { headings: namespaces ? ['NAMESPACE', ...HEADINGS] : HEADINGS, rows };
}

function amountOf(amount: number | undefined): string {
  // A pod says what it likes.
  return amount === undefined || !Number.isSafeInteger(amount) || amount < 0
    ? '-'
    : shortBytes(bytes(BigInt(amount)));
}

/** Rounded down: a hundred means that no request has waited. */
function shareOf(figures: PodResidency): string {
  const ratio = hitRatio(figures);
  return ratio === undefined ? '-' : `${Math.floor(ratio * 100)}%`;
}

/** The same for programs; nothing where no models sleep. */
export function residencyDocument(services: readonly ServiceResidency[]): object {
  if (services.length === 0) return {};
  const residency = services.map(({ figures, ...named }) => {
    const { resident, standby, remote, hits, misses, budget, declared, declaredPeak, measured } = figures;
    return {
      ...{ ...named, resident, standby, remote, hits, misses },
      ...{ budgetBytes: budget ?? null, declaredBytes: declared ?? null, measuredBytes: measured ?? null },
      declaredPeakBytes: declaredPeak ?? null,
    };
  });
  return { residency };
}
