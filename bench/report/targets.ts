import * as names from './figure-names.ts';
import { type Contender, INSTANT_NAME, type PartName, type Results } from './results.ts';
import { growthExponent, spreadOf } from './statistics.ts';
import { shownNumber } from './format.ts';

/** The median of a figure; undefined when it was not measured. */
type Lookup = (part: PartName, name: string, contender: Contender) => number | undefined;

/** What was promised, as data and one function of the figures; `seen` is undefined when the run did not measure it. */
interface Target {
  readonly part: PartName;
  readonly what: string;
  readonly promised: string;
  readonly see: (of: Lookup) => number | undefined;
  readonly met: (seen: number) => boolean;
  readonly unit?: string;
  /** The same of something else, to understand it by. */
  readonly beside?: { readonly of: string; readonly see: (of: Lookup) => number | undefined };
}

export interface Judged {
  readonly part: PartName;
  readonly what: string;
  readonly promised: string;
  readonly seen: string;
  /** Undefined when the run did not measure it. */
  readonly met: boolean | undefined;
}

const TIMES = '×';
const atLeast = (bound: number) => (seen: number) => seen >= bound;
const atMost = (bound: number) => (seen: number) => seen <= bound;

/** Our median over another's. */
function over(part: PartName, name: string, contender: Contender) {
  return (of: Lookup) => divided(of(part, name, 'ours'), of(part, name, contender));
}

function divided(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined || b === undefined ? undefined : a / b;
}

const inverse =
  (see: Target['see']): Target['see'] =>
  (of) =>
    divided(1, see(of));

/** What the webhook adds to the creation of a pod with one caller. */
function added(of: Lookup, contender: Contender): number | undefined {
  const [withIt, without] = [contender, 'none' as const].map((who) =>
    of('admission', names.admissionP50(1), who),
  );
  return withIt === undefined || without === undefined ? undefined : withIt - without;
}

const THOUSAND = { models: 1_000, services: 1 };
/** What growth is read from. */
export const GROWTH: readonly names.Burst[] = [
  { models: 100, services: 1 },
  { models: 300, services: 1 },
  THOUSAND,
  { models: 5_000, services: 1 },
  { models: 10_000, services: 100 },
];

/** Those that last longer than their first windows. */
const LONG = GROWTH.filter(({ models }) => models >= 1_000);

function growthOf(name: (burst: names.Burst) => string, bursts = GROWTH): Target['see'] {
  return (of) => {
    const points = bursts.map((burst) => [burst.models, of('burst', name(burst), 'ours')] as const);
    const known = points.filter((point): point is readonly [number, number] => point[1] !== undefined);
    return known.length === bursts.length ? growthExponent(known) : undefined;
  };
}

/** The exponent of linear growth, and what two runs of the same differ by. */
const LINEAR = 1.05;

/** What was promised, line by line. */
const TARGETS: readonly Target[] = [
  {
    ...{ part: 'admission', what: 'throughput with 16 callers, to KServe', promised: '≥ 80 ×', unit: TIMES },
    ...{ see: over('admission', names.podsASecond(16), 'kserve'), met: atLeast(80) },
  },
  {
    ...{
      part: 'admission',
      what: 'throughput with 16 callers, to no webhook',
      promised: '≥ 0.5 ×',
      unit: TIMES,
    },
    ...{ see: over('admission', names.podsASecond(16), 'none'), met: atLeast(0.5) },
    beside: {
      of: INSTANT_NAME,
      see: (of) =>
        divided(
          of('admission', names.podsASecond(16), 'instant'),
          of('admission', names.podsASecond(16), 'none'),
        ),
    },
  },
  {
    ...{
      part: 'admission',
      what: 'added latency p50, one caller, to KServe',
      promised: '≤ 0.025 ×',
      unit: TIMES,
    },
    ...{ see: (of) => divided(added(of, 'ours'), added(of, 'kserve')), met: atMost(1 / 40) },
  },
  {
    ...{ part: 'admission', what: 'added latency p50, one caller', promised: '≤ 2.5 ms', unit: 'ms' },
    ...{ see: (of) => added(of, 'ours'), met: atMost(2.5) },
  },
  {
    ...{
      part: 'burst',
      what: '1,000 TrainedModels at once: faster than KServe',
      promised: '≥ 100 ×',
      unit: TIMES,
    },
    ...{ see: inverse(over('burst', names.burstTime(THOUSAND), 'kserve')), met: atLeast(100) },
  },
  {
    ...{ part: 'burst', what: '1,000 at once: ConfigMap writes', promised: '≤ 10' },
    ...{ see: (of) => of('burst', names.burstWrites(THOUSAND), 'ours'), met: atMost(10) },
  },
  {
    ...{ part: 'burst', what: '1,000 at once: bytes written, to KServe', promised: '≤ 0.01 ×', unit: TIMES },
    ...{ see: over('burst', names.burstBytes(THOUSAND), 'kserve'), met: atMost(0.01) },
  },
  {
    ...{ part: 'burst', what: 'growth of time to 10,000, exponent', promised: '≤ 1 (linear)' },
    ...{ see: growthOf(names.burstTime), met: atMost(LINEAR) },
  },
  {
    ...{ part: 'burst', what: 'growth of bytes to 10,000, exponent', promised: '≤ 1 (linear)' },
    ...{ see: growthOf(names.burstBytes), met: atMost(LINEAR) },
    beside: { of: 'from 1,000 on', see: growthOf(names.burstBytes, LONG) },
  },
  {
    ...{ part: 'agent', what: '90 models at start, to KServe', promised: '≤ 2 ×', unit: TIMES },
    ...{ see: over('agent', names.startTime(90), 'kserve'), met: atMost(2) },
  },
  {
    ...{ part: 'agent', what: '90 at start by MLServer, to KServe', promised: '≤ 2 ×', unit: TIMES },
    ...{ see: over('agent', names.mlserverStartTime(90), 'kserve'), met: atMost(2) },
  },
  {
    ...{ part: 'agent', what: '1,000 models at start', promised: 'completes', unit: 'ms' },
    ...{ see: (of) => of('agent', names.startTime(1_000), 'ours'), met: Number.isFinite },
  },
  {
    ...{ part: 'agent', what: 'time a model at 1,000, to KServe’s at 90', promised: '≤ 1 ×', unit: TIMES },
    see: (of) =>
      divided(
        divided(of('agent', names.startTime(1_000), 'ours'), 1_000),
        divided(of('agent', names.startTime(90), 'kserve'), 90),
      ),
    met: atMost(1),
  },
  {
    ...{ part: 'agent', what: 'failed requests in an update under load', promised: '0' },
    ...{ see: (of) => of('agent', names.UPDATE_FAILURES, 'ours'), met: atMost(0) },
  },
  {
    ...{ part: 'data-path', what: 'throughput, 16 connections, to KServe', promised: '≥ 0.8 ×', unit: TIMES },
    ...{ see: over('data-path', names.requestsASecond(16), 'kserve'), met: atLeast(0.8) },
  },
  {
    ...{ part: 'data-path', what: 'p99, 16 connections, to KServe', promised: '≤ 1.25 ×', unit: TIMES },
    ...{ see: over('data-path', names.requestQuantile('p99', 16), 'kserve'), met: atMost(1.25) },
  },
  {
    ...{
      part: 'on-demand',
      what: 'throughput, 16 connections, to residency always',
      promised: '≥ 0.95 ×',
      unit: TIMES,
    },
    see: (of) =>
      divided(
        of('on-demand', names.requestsASecond(16), 'ours'),
        of('on-demand', names.alwaysRequestsASecond(16), 'ours'),
      ),
    met: atLeast(0.95),
  },
  {
    ...{
      part: 'on-demand',
      what: 'idle RSS of the agent, 10,000 models',
      promised: '≤ 100 MiB',
      unit: 'MiB',
    },
    ...{ see: (of) => of('on-demand', names.idleRss('agent'), 'ours'), met: atMost(100) },
  },
  ...(['agent', 'manager'] as const).map((who) => ({
    ...{
      part: 'footprint' as const,
      what: `idle RSS of the ${who}, to KServe`,
      promised: '≤ 1 ×',
      unit: TIMES,
    },
    ...{ see: over('footprint', names.idleRss(who), 'kserve'), met: atMost(1) },
  })),
  {
    ...{
      part: 'scale',
      what: '100,000 TrainedModels on 1,000 InferenceServices',
      promised: 'converges',
      unit: 's',
    },
    ...{ see: (of) => of('scale', names.burstTime(names.SCALE), 'ours'), met: Number.isFinite },
  },
  {
    ...{ part: 'scale', what: 'the manager’s peak RSS there', promised: '≤ 1,024 MiB', unit: 'MiB' },
    ...{ see: (of) => of('scale', names.burstPeak(names.SCALE), 'ours'), met: atMost(1_024) },
  },
];

export function judgeTargets(results: Results): Judged[] {
  const of = lookupIn(results);
  return TARGETS.map(({ part, what, promised, see, met, unit, beside }) => {
    const shown = (value: number): string => [shownNumber(value), unit].filter(Boolean).join(' ');
    const [seen, other] = [see(of), beside?.see(of)];
    if (seen === undefined) return { part, what, promised, seen: '', met: undefined };
    const aside = beside === undefined || other === undefined ? '' : ` (${beside.of}: ${shown(other)})`;
    return { part, what, promised, seen: `${shown(seen)}${aside}`, met: met(seen) };
  });
}

export function lookupIn({ figures }: Results): Lookup {
  const medians = new Map(
    figures.map(({ part, name, contender, values }) => [
      JSON.stringify([part, name, contender]),
      spreadOf(values).median,
    ]),
  );
  return (part, name, contender) => medians.get(JSON.stringify([part, name, contender]));
}
