import { markdown, shownNumber } from './format.ts';
import { contenderNames } from './results.ts';
import type { Figure, Results } from './results.ts';
import { spreadOf } from './statistics.ts';
import type { Judged } from './targets.ts';

/** A figure of one contender, and its median divided by KServe's. */
export interface Row extends Figure {
  readonly ratio: number | undefined;
}

/** The figures, grouped by name. */
export function rowsOf({ figures }: Results): Row[] {
  const keys = [...new Set(figures.map(({ part, name }) => JSON.stringify([part, name])))];
  return keys.flatMap((key) => {
    const same = figures.filter(({ part, name }) => JSON.stringify([part, name]) === key);
    const kserve = same.find(({ contender }) => contender === 'kserve');
    return same.map((figure) => ({ ...figure, ratio: ratioOf(figure, kserve) }));
  });
}

function ratioOf(figure: Figure, kserve: Figure | undefined): number | undefined {
  if (kserve === undefined || figure === kserve) return undefined;
  const ratio = spreadOf(figure.values).median / spreadOf(kserve.values).median;
  // There is no ratio for a figure that did not occur, or is 0 for both.
  return Number.isFinite(ratio) && ratio > 0 ? ratio : undefined;
}

/** All figures in Markdown. */
export function figureTable(results: Results): string {
  const names = contenderNames(results.machine);
  const rows = rowsOf(results).map(({ part, name, contender, values, ratio }) => {
    const { median, min, max } = spreadOf(values);
    const shown = [median, min, max].map(shownNumber);
    return [part, name, names[contender], ...shown, ratio === undefined ? '' : shownNumber(ratio)];
  });
  return markdown(
    ['part', 'figure', 'of', 'median', 'min', 'max', 'ratio to KServe'],
    '---|---|---|--:|--:|--:|--:',
    rows,
  );
}

/** The targets in Markdown, with the measured values. */
export function targetTable(judged: readonly Judged[]): string {
  const rows = judged.map(({ part, what, promised, seen, met }) => [
    part,
    what,
    promised,
    seen,
    met === undefined ? 'not measured' : met ? 'yes' : '**no**',
  ]);
  return markdown(['part', 'target', 'promised', 'seen', 'met'], '---|---|---|---|---', rows);
}
