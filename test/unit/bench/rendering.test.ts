import { describe, expect, it } from '@jest/globals';
import { readFile } from 'node:fs/promises';
import * as names from '../../../bench/report/figure-names.ts';
import { shownNumber } from '../../../bench/report/format.ts';
import { decodeResults } from '../../../bench/report/results.ts';
import { withSection } from '../../../bench/report/readme.ts';
import { plotOf } from '../../../bench/report/svg.ts';
import { figureTable } from '../../../bench/report/table.ts';
import { someResults } from './some-results.ts';

const ROOT = new URL('../../../', import.meta.url);

const RESULTS = someResults([
  ['admission', 'none', { [names.podsASecond(16)]: 2_000 }],
  ['admission', 'kserve', { [names.podsASecond(16)]: 10 }],
  ['admission', 'ours', { [names.podsASecond(16)]: 990 }],
  ['admission', 'ours', { [names.podsASecond(16)]: 1_010 }],
  ['agent', 'kserve', { [names.startTime(1_000)]: Infinity, 'a < b': 4 }],
  ['agent', 'ours', { [names.startTime(1_000)]: 1_234, 'a < b': 8 }],
]);

describe('numbers', () => {
  it.each([
    [1_234.4, '1,234'],
    [0.012_345, '0.0123'],
    [99.96, '100'],
    [0, '0'],
    [Infinity, 'never'],
  ])('shows %d as %s', (value, shown) => {
    expect(shownNumber(value)).toBe(shown);
  });
});

describe('the table of figures', () => {
  it('has the median, the extremes and the ratio of the medians', () => {
    const lines = figureTable(RESULTS).split('\n');
    expect(lines).toContain('| admission | pods/s, 16 callers | kserve-mms | 1,000 | 990 | 1,010 | 100 |');
    expect(lines).toContain(
      '| admission | pods/s, 16 callers | without either | 2,000 | 2,000 | 2,000 | 200 |',
    );
  });

  it('has no ratio for a figure that is never', () => {
    expect(figureTable(RESULTS)).toContain('kserve-mms | 1,234 | 1,234 | 1,234 |  |');
  });
});

describe('the plot', () => {
  const plot = plotOf(RESULTS);

  it('has a bar for each figure of both, to the right if better and to the left if worse', () => {
    const bars = [...plot.matchAll(/<rect x="([\d.]+)" .*fill="(#\w+)"/g)].map(([, x, fill]) => ({
      x: Number(x),
      fill,
    }));
    expect(bars.map(({ fill }) => fill)).toEqual(['#2f7d4f', '#b5482f']);
    expect(bars[1]!.x).toBeLessThan(bars[0]!.x);
    expect(plot).toContain('>0.5</text>');
  });

  it('is well-formed for any names of figures', () => {
    expect(plot).toContain('agent: a &lt; b');
    expect(plot).not.toMatch(/NaN|Infinity|undefined/);
  });
});

describe('the section of the README', () => {
  const page = (middle: string): string =>
    `before\n<!-- bench:begin: written by npm run bench:readme -->${middle}<!-- bench:end -->\nafter\n`;

  it('is replaced between its markers, and is stable when written again', () => {
    const written = withSection(page('\nof last time\n'), RESULTS);
    expect(written).toMatch(/^before\n[^]*\| pods\/s, 16 callers \| 10 \| 1,000 \| 100 \|[^]*\nafter\n$/);
    expect(written).not.toContain('of last time');
    expect(withSection(written, RESULTS)).toBe(written);
  });

  it('is rejected without its markers', () => {
    expect(() => withSection('nothing', RESULTS)).toThrow('bench:begin');
  });

  it('matches the stored results; otherwise run `npm run bench:readme`', async () => {
    const readme = await readFile(new URL('README.md', ROOT), 'utf8');
    const results = decodeResults(await readFile(new URL('bench/results/latest.json', ROOT), 'utf8'));
    expect(withSection(readme, results)).toBe(readme);
  });
});
