import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { BundledPackage } from './bundled.ts';

const PAPERS = /^(licen[cs]e|copying|notice)/i;
const RULE = '-'.repeat(80);

/** The licences and notices of what is bundled, each text once, with the packages that it is of. */
export async function noticesOf(root: string, bundled: readonly BundledPackage[]): Promise<string> {
  const packagesByText = new Map<string, string[]>();
  for (const { path, name, version, licence } of bundled) {
    for (const text of await papersIn(join(root, path), licence)) {
      packagesByText.set(text, [...(packagesByText.get(text) ?? []), `${name} ${version} (${licence})`]);
    }
  }
  const sections = [...packagesByText].map(([text, names]) => `${names.join('\n')}\n\n${text}\n`);
  return [
    'kserve-mms is under the licence in LICENSE. Its bundles contain the packages below, under the licences given with\n' +
      'them. The licences of Node and of the libraries are in /usr/local/share/doc and /usr/share/doc.\n',
    ...sections,
  ].join(`\n${RULE}\n`);
}

async function papersIn(directory: string, licence: string): Promise<string[]> {
  const names = (await readdir(directory)).filter((name) => PAPERS.test(name)).sort();
  if (names.length === 0) return [`The package states its licence, ${licence}, and brings no text of it.`];
  const texts = await Promise.all(names.map((name) => readFile(join(directory, name), 'utf8')));
  return texts.map((text) => text.replaceAll('\r\n', '\n').trim());
}
