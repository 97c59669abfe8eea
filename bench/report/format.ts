/** Three digits that count, and no more; `never` for what did not come about. */
export function shownNumber(value: number): string {
  if (value === Infinity) return 'never';
  if (Math.abs(value) >= 100) return Math.round(value).toLocaleString('en-US');
  return String(Number(value.toPrecision(3)));
}

/** A table in Markdown. */
export function markdown(
  head: readonly string[],
  alignment: string,
  rows: readonly (readonly string[])[],
): string {
  return [`| ${head.join(' | ')} |`, `|${alignment}|`, ...rows.map((row) => `| ${row.join(' | ')} |`)].join(
    '\n',
  );
}
