import * as names from './figure-names.ts';
import { type Contender, INSTANT_NAME, type PartName, type Results } from './results.ts';
import { growthExponent, spreadOf } from './statistics.ts';
import { shownNumber } from './format.ts';

/** The median of a figure; undefined when it was not measured. */
type Lookup = (part: PartName, name: string, contender: Contender) => number | undefined;

/** A target as data and one function of the figures; `seen` is undefined when the run did not measure it. */
interface Target {
  readonly part: PartName;
  readonly what: string;
  readonly promised: string;
  readonly see: (of: Lookup) => number | undefined;
  readonly met: (seen: number) => boolean;
  readonly unit?: string;
  /** The same for another figure, for comparison. */
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

/** The required value of a figure, and its format. */
interface Bound {
  readonly shown: string;
  readonly met: (seen: number) => boolean;
}

const atLeast = (bound: number): Bound => ({ shown: `≥ ${bound}`, met: (seen) => seen >= bound });
const atMost = (bound: number): Bound => ({ shown: `≤ ${bound}`, met: (seen) => seen <= bound });

/** A target for a ratio. */
function ratio(part: PartName, what: string, bound: Bound, see: Target['see']): Target {
  return { part, what, promised: `${bound.shown} ×`, see, met: bound.met, unit: TIMES };
}

/** The ratio of our median to KServe's. */
function toKServe(part: PartName, what: string, bound: Bound, name: string): Target {
  return ratio(part, `${what}, to KServe`, bound, over(part, name, 'kserve'));
}

/** A target for one of our figures. */
function amount(part: PartName, what: string, bound: Bound, see: Target['see'], unit?: string): Target {
  const promised = [bound.shown, unit].filter(Boolean).join(' ');
  return { part, what, promised, see, met: bound.met, ...(unit === undefined ? {} : { unit }) };
}

/** A target for work that has to complete, with its duration. */
function completes(part: PartName, what: string, name: string, unit: string): Target {
  return { part, what, promised: 'completes', see: ours(part, name), met: Number.isFinite, unit };
}

function ours(part: PartName, name: string): Target['see'] {
  return (of) => of(part, name, 'ours');
}

/** Our median divided by another's. */
function over(part: PartName, name: string, contender: Contender): Target['see'] {
  return (of) => divided(of(part, name, 'ours'), of(part, name, contender));
}

function divided(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined || b === undefined ? undefined : a / b;
}

const inverse =
  (see: Target['see']): Target['see'] =>
  (of) =>
    divided(1, see(of));

/** The time that the webhook adds to the creation of a pod with one caller. */
function added(of: Lookup, contender: Contender): number | undefined {
  const [withIt, without] = [contender, 'none' as const].map((who) =>
    of('admission', names.admissionP50(1), who),
  );
  return withIt === undefined || without === undefined ? undefined : withIt - without;
}

const addedToInstant: Target['see'] = (of) => divided(added(of, 'ours'), added(of, 'instant'));

const THOUSAND = { models: 1_000, services: 1 };
/** The figures from which growth is computed. */
export const GROWTH: readonly names.Burst[] = [
  { models: 100, services: 1 },
  { models: 300, services: 1 },
  THOUSAND,
  { models: 5_000, services: 1 },
  { models: 10_000, services: 100 },
];

/** Those that take longer than their first windows. */
const LONG = GROWTH.filter(({ models }) => models >= 1_000);

function growthOf(name: (burst: names.Burst) => string, bursts = GROWTH): Target['see'] {
  return (of) => {
    const points = bursts.map((burst) => [burst.models, of('burst', name(burst), 'ours')] as const);
    const known = points.filter((point): point is readonly [number, number] => point[1] !== undefined);
    return known.length === bursts.length ? growthExponent(known) : undefined;
  };
}

/** The exponent of linear growth, plus the difference between two equal runs. */
const LINEAR = 1.05;

/**
 * The time for each of 1,000 models at a start, divided by KServe's for each of 90, because its agent loads none when
 * it starts with 1,000.
 */
const timeOfEach: Target['see'] = (of) =>
  divided(
    divided(of('agent', names.startTime(1_000), 'ours'), 1_000),
    divided(of('agent', names.startTime(90), 'kserve'), 90),
  );

const toAlways: Target['see'] = (of) =>
  divided(
    of('on-demand', names.requestsASecond(16), 'ours'),
    of('on-demand', names.alwaysRequestsASecond(16), 'ours'),
  );

const toNoWebhook =
  (contender: Contender): Target['see'] =>
  (of) =>
    divided(
      of('admission', names.podsASecond(16), contender),
      of('admission', names.podsASecond(16), 'none'),
    );

/** The targets, line by line. */
const TARGETS: readonly Target[] = [
  toKServe('admission', 'throughput with 16 callers', atLeast(1), names.podsASecond(16)),
  {
    ...ratio(
      'admission',
      `throughput with 16 callers, to ${INSTANT_NAME}`,
      atLeast(0.92),
      over('admission', names.podsASecond(16), 'instant'),
    ),
    beside: { of: `${INSTANT_NAME}, to none`, see: toNoWebhook('instant') },
  },
  ratio('admission', `added latency p50, one caller, to ${INSTANT_NAME}`, atMost(1.15), addedToInstant),
  ratio(
    'burst',
    '1,000 TrainedModels at once: faster than KServe',
    atLeast(100),
    inverse(over('burst', names.burstTime(THOUSAND), 'kserve')),
  ),
  amount('burst', '1,000 at once: ConfigMap writes', atMost(10), ours('burst', names.burstWrites(THOUSAND))),
  toKServe('burst', '1,000 at once: bytes written', atMost(0.01), names.burstBytes(THOUSAND)),
  amount('burst', 'growth of time to 10,000, exponent', atMost(LINEAR), growthOf(names.burstTime)),
  amount(
    'burst',
    'growth of bytes from 1,000 to 10,000, exponent',
    atMost(LINEAR),
    growthOf(names.burstBytes, LONG),
  ),
  toKServe('agent', '90 models at start', atMost(1.3), names.startTime(90)),
  toKServe('agent', '90 at start by MLServer', atMost(1.3), names.mlserverStartTime(90)),
  completes('agent', '1,000 models at start', names.startTime(1_000), 'ms'),
  ratio('agent', 'time a model at 1,000, to KServe’s at 90', atMost(0.8), timeOfEach),
  toKServe('agent', 'apply to loaded, 1 KB', atMost(1.25), names.applyTime('1 KB')),
  toKServe('agent', 'apply to loaded, 1 MB', atMost(1.25), names.applyTime('1 MB')),
  toKServe('agent', 'apply to loaded, 100 MB', atMost(1.1), names.applyTime('100 MB')),
  toKServe('agent', 'update to loaded under load', atMost(1.5), names.UPDATE_TIME),
  amount('agent', 'failed requests in an update under load', atMost(0), ours('agent', names.UPDATE_FAILURES)),
  toKServe('data-path', 'throughput, 16 connections', atLeast(1), names.requestsASecond(16)),
  toKServe('data-path', 'p99, 16 connections', atMost(0.6), names.requestQuantile('p99', 16)),
  toKServe('logger', 'throughput, 16 connections, logged', atLeast(1), names.requestsASecond(16)),
  ratio('on-demand', 'throughput, 16 connections, to residency always', atLeast(0.95), toAlways),
  amount(
    'on-demand',
    'idle RSS of the agent, 10,000 models',
    atMost(100),
    ours('on-demand', names.idleRss('agent')),
    'MiB',
  ),
  ...(
    [
      ['p50', 1],
      ['p99', 1.6],
    ] as const
  ).map(([which, most]) =>
    amount(
      'first-prediction',
      `apply → first prediction, ${names.FIRST_PREDICTIONS} models: ${which}`,
      atMost(most),
      ours('first-prediction', names.firstPrediction(which, names.FIRST_PREDICTIONS)),
      's',
    ),
  ),
  toKServe('footprint', 'idle PSS of the agent', atMost(0.6), names.idlePss('agent')),
  toKServe('footprint', 'idle RSS of the agent', atMost(1.15), names.idleRss('agent')),
  toKServe(
    'footprint',
    'RSS of the agent after traffic',
    atMost(1.15),
    names.memoryFigure('RSS', names.AFTER_TRAFFIC),
  ),
  toKServe('footprint', 'idle PSS of the manager', atMost(1), names.idlePss('manager')),
  toKServe('footprint', 'start to ready of the manager', atMost(2.5), names.readyTime('manager')),
  completes('scale', '100,000 TrainedModels on 1,000 InferenceServices', names.burstTime(names.SCALE), 's'),
  amount(
    'scale',
    'the manager’s peak RSS there',
    atMost(1_024),
    ours('scale', names.burstPeak(names.SCALE)),
    'MiB',
  ),
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
