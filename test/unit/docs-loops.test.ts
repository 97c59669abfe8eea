import { describe, expect, it } from '@jest/globals';
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const PAGES = readdirSync(ROOT, { recursive: true, encoding: 'utf8' }).filter(
  (file) => file.endsWith('.md') && !/(^|\/)(node_modules|dist|dist-image|coverage)\//.test(file),
);
/** Loops that run until a condition is met, or forever. `for` over a list ends. */
const ENDLESS = /^\s*(until|while)\b|[;&|]\s*(until|while)\b|\bfor *\(\( *;;/;

describe('the commands of the docs', () => {
  it('have no loop that can run forever', () => {
    const blocks = PAGES.flatMap((file) =>
      [
        ...readFileSync(`${ROOT}/${file}`, 'utf8').matchAll(/^```(?:sh|bash|shell|console)\n(.*?)^```/gms),
      ].map(([, text = '']) => ({ file, text })),
    );
    expect(blocks.length).toBeGreaterThan(10);
    const endless = blocks.flatMap(({ file, text }) =>
      text
        .split('\n')
        .filter((line) => ENDLESS.test(line))
        .map((line) => `${file}: ${line}`),
    );
    expect(endless).toEqual([]);
  });
});
