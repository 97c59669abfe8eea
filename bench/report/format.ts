/** Three significant digits; `never` for a figure that did not occur. */
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
