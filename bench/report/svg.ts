import { shownNumber } from './format.ts';
import { contenderNames } from './results.ts';
import type { Results } from './results.ts';
import { rowsOf } from './table.ts';

const [LABELS, PLOT, MARGIN, LINE, HEAD] = [430, 460, 90, 22, 64] as const;
const COLOURS = { better: '#2f7d4f', worse: '#b5482f' };

interface Bar {
  readonly label: string;
  /** The factor by which a figure is better than KServe's; below 1 is worse. */
  readonly times: number;
}

/** A higher rate is better; for all other figures, lower is better. */
const moreIsBetter = (name: string): boolean => /^\w+\/s\b/.test(name);

function barsOf(results: Results): Bar[] {
  return rowsOf(results).flatMap(({ part, name, contender, ratio }) => {
    if (contender !== 'ours' || ratio === undefined || name.startsWith('requests in')) return [];
    return [{ label: `${part}: ${name}`, times: moreIsBetter(name) ? ratio : 1 / ratio }];
  });
}

/** The factors by which the figures are better than KServe's, as bars on a logarithmic axis: right is better. */
export function plotOf(results: Results): string {
  const bars = barsOf(results);
  const logs = bars.map(({ times }) => Math.log10(times));
  const [low, high] = [Math.floor(Math.min(-0.5, ...logs)), Math.ceil(Math.max(1, ...logs))];
  const x = (log: number): number => LABELS + ((log - low) / (high - low)) * PLOT;
  const height = HEAD + bars.length * LINE + 20;
  const width = LABELS + PLOT + MARGIN;
  const names = contenderNames(results.machine);
  const title = `${names.ours} beside ${names.kserve}: how many times as good, logarithmic`;
  return `${[
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="12">`,
    `<title>${escaped(title)}</title>`,
    `<rect width="${width}" height="${height}" fill="#fff"/>`,
    `<text x="12" y="22" font-size="15">${escaped(title)}</text>`,
    ...gridLines(low, high, x, height),
    ...bars.flatMap((bar, index) => drawn(bar, HEAD + index * LINE, x)),
    '</svg>',
  ].join('\n')}\n`;
}

function gridLines(low: number, high: number, x: (log: number) => number, height: number): string[] {
  const powers = Array.from({ length: high - low + 1 }, (_, index) => low + index);
  return powers.flatMap((power) => {
    const [at, colour] = [x(power).toFixed(1), power === 0 ? '#333' : '#ccc'];
    return [
      `<line x1="${at}" x2="${at}" y1="${HEAD - 8}" y2="${height - 12}" stroke="${colour}"/>`,
      `<text x="${at}" y="${HEAD - 14}" text-anchor="middle" fill="#555">${shownNumber(10 ** power)} ×</text>`,
    ];
  });
}

function drawn({ label, times }: Bar, y: number, x: (log: number) => number): string[] {
  const [one, end] = [x(0), x(Math.log10(times))];
  const [left, width] = [Math.min(one, end), Math.max(1, Math.abs(end - one))];
  const colour = times >= 1 ? COLOURS.better : COLOURS.worse;
  const shown = times >= 1 ? end + 6 : one + 6;
  return [
    `<text x="${LABELS - 10}" y="${y + 14}" text-anchor="end">${escaped(label)}</text>`,
    `<rect x="${left.toFixed(1)}" y="${y + 3}" width="${width.toFixed(1)}" height="15" fill="${colour}"/>`,
    `<text x="${shown.toFixed(1)}" y="${y + 15}">${shownNumber(times)}</text>`,
  ];
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
