import { hardwareOf } from './places.ts';

export const PARTS = [
  ...(['admission', 'burst', 'agent', 'data-path', 'logger', 'on-demand'] as const),
  ...(['first-prediction', 'footprint', 'scale'] as const),
] as const;
export type PartName = (typeof PARTS)[number];

/** `none` is without webhook or agent, `instant` with an instant webhook, which is the upper bound. */
export type Contender = 'none' | 'instant' | Program;

/** The two compared contenders, each with a manager and an agent. */
export type Program = 'kserve' | 'ours';
export const PROGRAMS: readonly Program[] = ['kserve', 'ours'];

export const INSTANT_NAME = 'a webhook that takes no time';

/** @param kserve the measured release */
export function contenderNames({ kserve }: Pick<Machine, 'kserve'>): Readonly<Record<Contender, string>> {
  return {
    none: 'without either',
    instant: INSTANT_NAME,
    kserve: `KServe ${kserve}`,
    ours: 'kserve-mms',
  };
}

/** The figures of one run by name with unit. Infinity: it did not occur. */
export type Sample = Readonly<Record<string, number>>;

/** All runs of one contender for one figure. */
export interface Figure {
  readonly part: PartName;
  readonly name: string;
  readonly contender: Contender;
  readonly values: readonly number[];
}

export interface Hardware {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGib: number;
  readonly kernel: string;
}

/** What the figures depend on beside our own programs. */
export interface Machine extends Hardware {
  readonly node: string;
  readonly go: string;
  readonly kubernetes: string;
  readonly kserve: string;
}

export type PlanName = 'whole' | 'short' | 'guard';

/** The time and the form of a part's run. */
export interface PartRun {
  readonly part: PartName;
  readonly plan: PlanName;
  /** ISO 8601. */
  readonly startedAt: string;
  readonly minutes: number;
  /** Where the part was run, if not on the machine of the results. */
  readonly on?: Hardware;
}

/** The data of all tables, plots and verdicts. */
export interface Results {
  readonly machine: Machine;
  readonly runs: readonly PartRun[];
  readonly figures: readonly Figure[];
}

/** The releases. Figures of different releases are not shown together. */
function programsOf({ machine: { node, go, kubernetes, kserve } }: Results): string {
  return JSON.stringify([node, go, kubernetes, kserve]);
}

/**
 * The earlier results with the repeated parts replaced. Contenders are compared within a part only, so a part from other
 * hardware is kept, with a note. Results of other releases are dropped.
 */
export function mergeResults(earlier: Results | undefined, fresh: Results): Results {
  if (earlier === undefined || programsOf(earlier) !== programsOf(fresh)) return fresh;
  const here = JSON.stringify(hardwareOf(fresh, {}));
  const runs = earlier.runs.map((run) => {
    const { on: _on, ...rest } = run;
    const hardware = hardwareOf(earlier, run);
    return JSON.stringify(hardware) === here ? rest : { ...rest, on: hardware };
  });
  const again = new Set(fresh.runs.map(({ part }) => part));
  const inOrder = <T extends { readonly part: PartName }>(kept: readonly T[], added: readonly T[]): T[] => {
    const all = [...kept.filter(({ part }) => !again.has(part)), ...added];
    return PARTS.flatMap((name) => all.filter(({ part }) => part === name));
  };
  return {
    machine: fresh.machine,
    runs: inOrder<PartRun>(runs, fresh.runs),
    figures: inOrder(earlier.figures, fresh.figures),
  };
}

/** JSON has no Infinity. */
const NEVER = 'never';

export function encodeResults(results: Results): string {
  const replace = (_: string, value: unknown): unknown => {
    if (value === Infinity) return NEVER;
    return typeof value === 'number' ? Number(value.toPrecision(6)) : value;
  };
  return `${JSON.stringify(results, replace, 2)}\n`;
}

export function decodeResults(text: string): Results {
  return JSON.parse(text, (_, value: unknown) => (value === NEVER ? Infinity : value)) as Results;
}

/** The figures of several runs, in the order of their first occurrence. */
export function collectFigures(
  runs: readonly { readonly part: PartName; readonly contender: Contender; readonly sample: Sample }[],
): Figure[] {
  const figures = new Map<string, Figure>();
  for (const { part, contender, sample } of runs) {
    for (const [name, value] of Object.entries(sample)) {
      const key = JSON.stringify([part, name, contender]);
      const values = figures.get(key)?.values ?? [];
      figures.set(key, { part, name, contender, values: [...values, value] });
    }
  }
  return [...figures.values()];
}
