import { shortBytes } from '../top/short-bytes.decide.ts';
import type { FoldReport } from './report.decide.ts';

const WIDTH = 640;
const LEFT = 130;
const BAR = 22;
const ROW = 92;
const TOP = 56;
/** Distinguishable for colour-blind readers, on white and on dark pages. */
const COLOURS = { before: '#9a6b00', after: '#0072b2' } as const;

interface Measure {
  readonly title: string;
  readonly before: number;
  readonly after: number;
  readonly text: (value: number) => string;
}

/** An image of pods, CPU and memory before and after. */
export function plotOf({ groups, before, after }: FoldReport): string {
  const models = groups.reduce((sum, { group }) => sum + group.members.length, 0);
  const whole = (value: number): string => String(Math.round(value * 10) / 10);
  const measures: readonly Measure[] = [
    { title: 'Pods', before: before.pods, after: after.pods, text: whole },
    { title: 'CPU requested', before: before.cpu / 1000, after: after.cpu / 1000, text: whole },
    {
      title: 'Memory requested',
      ...{ before: Number(before.memory), after: Number(after.memory) },
      text: (value) => shortBytes(BigInt(Math.round(value)) as typeof before.memory),
    },
  ];
  const height = TOP + measures.length * ROW;
  const title = `${models} InferenceServices: a pod each, and shared`;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" font-family="sans-serif" font-size="14" role="img" aria-label="${title}">`,
    `<rect width="${WIDTH}" height="${height}" fill="#ffffff"/>`,
    `<text x="16" y="30" font-size="18" fill="#1a1a1a">${title}</text>`,
    ...measures.map((measure, index) => bars(measure, TOP + index * ROW)),
    '</svg>',
    '',
  ].join('\n');
}

function bars({ title, before, after, text }: Measure, top: number): string {
  const most = Math.max(before, after);
  const row = (name: keyof typeof COLOURS, value: number, y: number): string => {
    // The text of a value is placed behind its bar.
    const width = most === 0 ? 0 : Math.round((value / most) * (WIDTH - LEFT - 90));
    return [
      `<text x="${LEFT - 10}" y="${y + 16}" text-anchor="end" fill="#444444">${name === 'before' ? 'now' : 'shared'}</text>`,
      `<rect x="${LEFT}" y="${y}" width="${Math.max(1, width)}" height="${BAR}" fill="${COLOURS[name]}"/>`,
      `<text x="${LEFT + width + 8}" y="${y + 16}" fill="#1a1a1a">${text(value)}</text>`,
    ].join('\n');
  };
  return [
    `<text x="16" y="${top + 14}" font-weight="bold" fill="#1a1a1a">${title}</text>`,
    row('before', before, top + 24),
    row('after', after, top + 24 + BAR + 6),
  ].join('\n');
}
