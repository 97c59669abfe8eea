/** Prints a measurement, so that a figure can be quoted from a run. No test asserts on it. */
export function report(what: string, figures: Readonly<Record<string, number>>): void {
  const text = Object.entries(figures)
    .map(([name, value]) => `${name}: ${Math.round(value * 100) / 100}`)
    .join(', ');
  process.stderr.write(`[measured] ${what}: ${text}\n`);
}
