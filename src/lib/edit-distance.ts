/** Comparing takes the product of both lengths, and longer names are not mistyped ones. */
const LONGEST = 64;

/**
 * How many letters must be added, removed or replaced (Levenshtein).
 *
 * @param enough the result for this many or more, and for names too long to compare
 */
export function editDistance(a: string, b: string, enough = Infinity): number {
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
