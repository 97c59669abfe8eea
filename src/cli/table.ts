import { stripVTControlCharacters } from 'node:util';

const GAP = '   ';

/**
 * Columns under upper-case headings, as kubectl prints them. Cells may be coloured; what a cell holds of line breaks and
 * control characters is shown as a space, so that a name or message cannot write into other lines.
 */
export function table(
  headings: readonly string[],
  rows: readonly (readonly string[])[],
  headers = true,
): string {
  const lines = [...(headers ? [headings] : []), ...rows.map((row) => row.map(oneLine))];
  const widths = headings.map((_heading, column) =>
    lines.reduce((widest, line) => Math.max(widest, widthOf(line[column] ?? '')), 0),
  );
  return lines
    .map(
      (line) =>
        `${line
          .map((cell, column) => padded(cell, widths[column] ?? 0))
          .join(GAP)
          .trimEnd()}\n`,
    )
    .join('');
}

/** What the text takes of a line: colours take nothing. */
function widthOf(cell: string): number {
  return Array.from(stripVTControlCharacters(cell)).length;
}

function padded(cell: string, width: number): string {
  return cell + ' '.repeat(Math.max(0, width - widthOf(cell)));
}

/** Colours stay: they begin with an escape and a bracket, and end with an m. */
export function oneLine(cell: string): string {
  // eslint-disable-next-line no-control-regex -- control characters are what this is about
  return cell.replace(/\u001b(?!\[[0-9;]*m)|[\u0000-\u001a\u001c-\u001f\u007f-\u009f]+/g, ' ');
}
