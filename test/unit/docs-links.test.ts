import { readdir, readFile } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { describe, expect, it } from '@jest/globals';

const ROOT = resolve(import.meta.dirname, '../..');
/** Pages at the root, and folders that are searched for more. */
const FOLDERS = ['docs', 'certs', 'src', '.github'];

async function pages(): Promise<string[]> {
  const top = (await readdir(ROOT)).filter((name) => name.endsWith('.md'));
  const below = FOLDERS.filter((folder) => existsSync(join(ROOT, folder))).map(async (folder) =>
    (await readdir(join(ROOT, folder), { recursive: true }))
      .filter((name) => name.endsWith('.md'))
      .map((name) => join(folder, name)),
  );
  return [...top, ...(await Promise.all(below)).flat()].sort();
}

/** The text without code, because brackets in code are not links. */
function prose(text: string): string {
  return text.replace(/^```[\s\S]*?^```/gm, '').replace(/`[^`\n]*`/g, 'code');
}

/** The anchor of a heading on GitHub: lower case, without punctuation, with hyphens for spaces. */
function anchorOf(heading: string): string {
  const words = heading
    .replace(/`/g, '')
    .replace(/\[([^\]]*)\]\([^)]*\)/g, '$1')
    .toLowerCase();
  return words.replace(/[^\p{L}\p{N} _-]/gu, '').replace(/ /g, '-');
}

async function anchorsOf(file: string): Promise<ReadonlySet<string>> {
  const text = (await readFile(file, 'utf8')).replace(/^```[\s\S]*?^```/gm, '');
  const seen = new Map<string, number>();
  const anchors = [...text.matchAll(/^#{1,6} (.+)$/gm)].map(([, heading = '']) => {
    const anchor = anchorOf(heading.trim());
    const before = seen.get(anchor) ?? 0;
    seen.set(anchor, before + 1);
    return before === 0 ? anchor : `${anchor}-${before}`;
  });
  return new Set(anchors);
}

/** Undefined when the target exists. External addresses are not checked. */
async function faultOf(page: string, link: string): Promise<string | undefined> {
  if (/^[a-z]+:/.test(link)) return undefined;
  const [path = '', anchor] = link.split('#', 2);
  const file = path === '' ? join(ROOT, page) : resolve(ROOT, dirname(page), decodeURIComponent(path));
  if (relative(ROOT, file).startsWith('..')) return `${page}: ${link} leads out of the repository`;
  if (!existsSync(file)) return `${page}: there is no ${link}`;
  if (anchor === undefined || !file.endsWith('.md')) return undefined;
  return (await anchorsOf(file)).has(anchor) ? undefined : `${page}: ${link} has no such heading`;
}

describe('the links of the pages', () => {
  it('lead to existing files and headings', async () => {
    const faults: string[] = [];
    let links = 0;
    for (const page of await pages()) {
      const text = prose(await readFile(join(ROOT, page), 'utf8'));
      for (const [, link = ''] of text.matchAll(/\]\(([^)\s]+)\)/g)) {
        links += 1;
        const fault = await faultOf(page, link);
        if (fault !== undefined) faults.push(fault);
      }
    }
    expect(faults).toEqual([]);
    expect(links).toBeGreaterThan(100);
  });
});
