/** How many letters may differ for a name to pass for a slip of another. */
const MOST_SLIPS = 2;
/** Longer names are no slips of short ones, and comparing takes the product of both lengths. */
const LONGEST = 64;

/** The one of these names that was most likely meant; undefined when none is near. */
export function nearestName(written: string, known: Iterable<string>): string | undefined {
  let nearest: string | undefined;
  let fewest = Math.min(MOST_SLIPS, Math.floor(written.length / 2)) + 1;
  for (const name of known) {
    if (spelling(name) === spelling(written)) return name;
    const slips = slipsBetween(written, name, fewest);
    if (slips < fewest) {
      fewest = slips;
      nearest = name;
    }
  }
  return nearest;
}

/** A name without what people mix up: case, hyphens and underscores. `storage_URI` and `storageUri` are spelt alike. */
export function spelling(name: string): string {
  return name.toLowerCase().replace(/[-_]/g, '');
}

/** Letters to add, remove or replace (Levenshtein), or `enough` when it is that many or more. */
function slipsBetween(a: string, b: string, enough: number): number {
  if (Math.abs(a.length - b.length) >= enough || a.length > LONGEST || b.length > LONGEST) return enough;
  let above = Array.from({ length: b.length + 1 }, (_none, index) => index);
  for (let i = 1; i <= a.length; i += 1) {
    const row = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const replaced = (above[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      row.push(Math.min(replaced, (above[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1));
    }
    above = row;
  }
  return Math.min(above[b.length] ?? enough, enough);
}
