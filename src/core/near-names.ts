import { compareText } from './compare-text.ts';

const NAMES_SHOWN = 3;

/** Those of the names that somebody who wrote `wanted` may have meant, the nearest first. */
export function nearNames(wanted: string, names: Iterable<string>): string[] {
  // Two letters that changed places are two changes; of a long name a third may be wrong. Anything more is another name.
  const most = wanted.length < 4 ? 1 : Math.max(2, Math.floor(wanted.length / 3));
  return [...new Set(names)]
    .map((name) => ({ name, distance: name.includes(wanted) ? 1 : editDistance(wanted, name) }))
    .filter(({ distance }) => distance <= most)
    .sort((a, b) => a.distance - b.distance || compareText(a.name, b.name))
    .slice(0, NAMES_SHOWN)
    .map(({ name }) => name);
}

/** How many letters must be put in, taken out or changed (Levenshtein). */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_none, column) => column);
  for (let index = 0; index < a.length; index += 1) {
    const above = row;
    row = [index + 1];
    for (let column = 1; column <= b.length; column += 1) {
      const change = (above[column - 1] ?? 0) + (b[column - 1] === a[index] ? 0 : 1);
      row.push(Math.min(change, (above[column] ?? 0) + 1, (row[column - 1] ?? 0) + 1));
    }
  }
  return row[b.length] ?? 0;
}
