/** One side of a comparison: a run of it gives figures by name. */
export interface Contender {
  readonly name: string;
  readonly run: () => Promise<Readonly<Record<string, number>>>;
}

/** What the runs of one contender gave for one figure. */
export interface Spread {
  readonly figure: string;
  readonly contender: string;
  readonly median: number;
  readonly min: number;
  readonly max: number;
  /** The median over that of the first contender; undefined for the first itself. */
  readonly ratio: number | undefined;
}

/** Runs all contenders in turn, `rounds` times, so that whatever else the machine does falls on all alike. */
export async function alternate(contenders: readonly Contender[], rounds: number): Promise<Spread[]> {
  const runs = new Map<string, Map<string, number[]>>();
  for (let round = 0; round < rounds; round += 1) {
    for (const { name, run } of contenders) {
      for (const [figure, value] of Object.entries(await run())) {
        const byContender = runs.get(figure) ?? new Map<string, number[]>();
        byContender.set(name, [...(byContender.get(name) ?? []), value]);
        runs.set(figure, byContender);
      }
    }
  }
  return [...runs].flatMap(([figure, byContender]) => spreadsOf(figure, byContender));
}

function spreadsOf(figure: string, byContender: ReadonlyMap<string, readonly number[]>): Spread[] {
  let first: number | undefined;
  return [...byContender].map(([contender, values]) => {
    const sorted = values.toSorted((a, b) => a - b);
    const median = medianOf(sorted);
    const ratio = first === undefined ? undefined : median / first;
    first ??= median;
    return { figure, contender, median, min: sorted.at(0) ?? NaN, max: sorted.at(-1) ?? NaN, ratio };
  });
}

function medianOf(sorted: readonly number[]): number {
  const middle = sorted.length / 2;
  const [low = NaN, high = NaN] = [sorted[Math.ceil(middle) - 1], sorted[Math.floor(middle)]];
  return (low + high) / 2;
}

/** The spreads as a table in Markdown. */
export function tableOf(spreads: readonly Spread[]): string {
  const shown = (value: number | undefined): string => (value === undefined ? '' : value.toFixed(1));
  const rows = spreads.map(({ figure, contender, median, min, max, ratio }) =>
    [figure, contender, ...[median, min, max].map(shown), ratio === undefined ? '' : ratio.toFixed(2)].join(
      ' | ',
    ),
  );
  const head = ['figure | contender | median | min | max | ratio', '---|---|--:|--:|--:|--:'];
  return [...head, ...rows].map((row) => `| ${row} |`).join('\n');
}
