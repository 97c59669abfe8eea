import { readdir, readFile, writeFile } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { errorClasses } from '../../reference/errors.ts';
import { referencePages } from '../../reference/pages.ts';
import { readSources } from '../../reference/sources.ts';
import { ROOT } from '../support/page.ts';

const DIRECTORY = join(ROOT, 'docs', 'reference');
/** `UPDATE_GOLDENS=1` writes the pages again, as `npm run docs` does. */
const update = process.env['UPDATE_GOLDENS'] === '1';

describe('the reference', () => {
  let pages: ReadonlyMap<string, string>;

  beforeAll(async () => {
    pages = await referencePages(ROOT);
    if (update) for (const [name, text] of pages) await writeFile(join(DIRECTORY, name), text);
  });

  it('matches the sources; otherwise run: npm run docs', async () => {
    expect((await readdir(DIRECTORY)).sort()).toEqual([...pages.keys()].sort());
    for (const [name, text] of pages) expect(await readFile(join(DIRECTORY, name), 'utf8')).toBe(text);
  });

  it('has no empty description', () => {
    for (const name of ['errors.md', 'names.md', 'conditions.md', 'metrics.md', 'findings.md']) {
      const rows = (pages.get(name) ?? '').split('\n').filter((line) => line.startsWith('| `'));
      expect(rows.length).toBeGreaterThan(5);
      for (const row of rows) expect(row).not.toMatch(/\| +\| (\[|$)|\| +\|$/);
    }
  });
});

describe('the table of error codes', () => {
  const classes = errorClasses(readSources(ROOT));

  it('has every error class of the sources', async () => {
    const declared: string[] = [];
    for (const room of ['src', 'image']) {
      for (const path of await readdir(join(ROOT, room), { recursive: true })) {
        if (!path.endsWith('.ts')) continue;
        const text = await readFile(join(ROOT, room, path), 'utf8');
        // All classes are errors.
        for (const [, name = ''] of text.matchAll(/^(?:export )?class (\w+)/gm))
          declared.push(`${room}/${path} ${name}`);
      }
    }
    expect(classes.map(({ path, name }) => `${path} ${name}`).sort()).toEqual(declared.sort());
    expect(declared.length).toBeGreaterThan(50);
  });

  it('has each code only once', () => {
    const classesOf = new Map<string, string[]>();
    for (const { codes, name, path } of classes)
      for (const one of codes) classesOf.set(one, [...(classesOf.get(one) ?? []), `${path} ${name}`]);
    expect([...classesOf].filter(([, names]) => names.length > 1)).toEqual([]);
  });

  it('has a code in capitals for each', () => {
    for (const { codes, name } of classes) {
      expect([name, codes.length > 0]).toEqual([name, true]);
      for (const one of codes) expect(one).toMatch(/^[A-Z][A-Z0-9_]+$/);
    }
  });
});

describe('the links of the pages', () => {
  it('lead to existing files and headings', async () => {
    const below = await readdir(join(ROOT, 'docs'), { recursive: true });
    const docs = below.filter((path) => path.endsWith('.md')).map((path) => `docs/${path}`);
    const broken: string[] = [];
    for (const page of ['README.md', 'CONTRIBUTING.md', 'certs/README.md', ...docs]) {
      const text = await readFile(join(ROOT, page), 'utf8');
      for (const [, target = ''] of text.matchAll(/\]\((?!https?:)([^)\s]+)\)/g)) {
        const [path = '', anchor] = target.split('#');
        const file = path === '' ? join(ROOT, page) : join(ROOT, dirname(page), path);
        if (!existsSync(file)) broken.push(`${page}: ${target}`);
        else if (anchor !== undefined && !headingsOf(await readFile(file, 'utf8')).includes(anchor))
          broken.push(`${page}: ${target}`);
      }
    }
    expect(broken).toEqual([]);
  });
});

/** The anchors of headings on GitHub. */
function headingsOf(text: string): string[] {
  return [...text.matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, '')
      .replaceAll(' ', '-'),
  );
}
