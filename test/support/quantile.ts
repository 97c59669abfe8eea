/**
 * The smallest value that at least this share of the values does not exceed, by nearest rank: `quantile(values,
 * 0.99)`.
 */
export function quantile(values: readonly number[], part: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(sorted.length * part) - 1)] ?? Number.NaN;
}
