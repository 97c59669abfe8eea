import { readdirSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { ROOT } from '../support/page.ts';

const read = (page: string): Promise<string> => readFile(join(ROOT, page), 'utf8');

async function namesIn(directory: string): Promise<string[]> {
  return (await readdir(join(ROOT, directory))).filter((name) => name.endsWith('.md')).sort();
}

/** Pages for users. The changelog is not included, because its entries are long lines. */
const WRAPPED = [
  ...['README.md', 'CONTRIBUTING.md', 'certs/README.md', 'charts/kserve-mms/README.md'],
  ...readdirSync(join(ROOT, 'docs')).flatMap((name) => (name.endsWith('.md') ? [`docs/${name}`] : [])),
];

/** The lines that can be wrapped: no code, tables or headings. */
function proseOf(text: string): string[] {
  const lines = text.replace(/^ *```[\s\S]*?^ *```$/gm, '').split('\n');
  return lines.filter((line) => !/^(?: {4}|\s*[|#])/.test(line));
}

describe('the form of the pages', () => {
  it('the README has at most 120 lines', async () => {
    expect((await read('README.md')).trimEnd().split('\n').length).toBeLessThanOrEqual(120);
  });

  it.each(WRAPPED)('%s is wrapped at 120 columns', async (page) => {
    expect(
      proseOf(await read(page)).filter((line) => line.length > 120 && line.trim().includes(' ')),
    ).toEqual([]);
  });

  it('the index links every page', async () => {
    const index = await read('docs/README.md');
    const [pages, reference] = await Promise.all([namesIn('docs'), namesIn('docs/reference')]);
    const all = [
      ...pages.filter((name) => name !== 'README.md'),
      ...reference.map((name) => `reference/${name}`),
    ];
    expect(all.filter((name) => !index.includes(`](${name})`))).toEqual([]);
    expect(all.length).toBeGreaterThan(25);
  });

  it('every decision has its number, its date and its status', async () => {
    const names = await namesIn('docs/decisions');
    expect(names.map((name) => Number(name.slice(0, 4)))).toEqual(names.map((_name, index) => index + 1));
    for (const name of names) {
      const [heading, , status] = (await read(`docs/decisions/${name}`)).split('\n');
      expect([name, heading]).toEqual([name, expect.stringMatching(`^# ${Number(name.slice(0, 4))}\\. `)]);
      expect([name, status]).toEqual([
        name,
        expect.stringMatching(
          /^Decided on 20\d\d-\d\d-\d\d\. Status: (accepted|accepted; amended on 20\d\d-\d\d-\d\d|replaced by [\d, ]+)\.$/,
        ),
      ]);
    }
  });
});
