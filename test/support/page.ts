import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { findKubectl } from './kubectl.ts';

const run = promisify(execFile);

/** The directory in which the commands of the pages run. */
export const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/**
 * A temporary directory that looks like the checkout, for commands that leave files in their directory, because a file
 * of the same name in the checkout may be a developer's. The caller removes it. The links in it point to the checkout.
 */
export async function linkedCheckout(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'kserve-mms-checkout-'));
  for (const entry of await readdir(ROOT)) {
    if (!entry.endsWith('.log')) await symlink(join(ROOT, entry), join(directory, entry));
  }
  return directory;
}

/** The shell blocks of one section of a page, joined in their order. */
export async function shellOf(page: string, heading: string): Promise<string> {
  return (await shellBlocksOf(page, heading)).join('\n');
}

/** The same, one by one. */
export async function shellBlocksOf(page: string, heading: string): Promise<string[]> {
  const text = await readFile(join(ROOT, page), 'utf8');
  // The part before the first section has the title of the page.
  const section = text
    .split(/^## /m)
    .find((part) => part.startsWith(`${heading}\n`) || part.startsWith(`# ${heading}\n`));
  if (section === undefined) throw new Error(`${page} has no section "${heading}"`);
  const blocks = [...section.matchAll(/^```sh\n([^]*?)^```$/gm)].map(([, block = '']) => block);
  if (blocks.length === 0) throw new Error(`${page} has no commands in its section "${heading}"`);
  return blocks;
}

/** The headings of the sections of a page that have shell blocks, under any name of a shell language. */
export async function sectionsWithShell(page: string): Promise<string[]> {
  const text = await readFile(join(ROOT, page), 'utf8');
  return text
    .split(/^## /m)
    .filter((part) => /^ *```(sh|bash|shell|console|zsh|fish)$/m.test(part))
    .map((part) => (part.split('\n')[0] ?? '').replace(/^# /, ''));
}

/** Runs commands that need only kubectl, against a cluster. */
export async function pasteWithKubectl(kubeconfig: string, script: string): Promise<string> {
  const PATH = `${dirname((await findKubectl()).path)}${delimiter}${process.env['PATH'] ?? ''}`;
  return paste(script, { env: { ...process.env, PATH, KUBECONFIG: kubeconfig } });
}

/** Runs commands unchanged. Resolves with their output, rejects when one fails. */
export async function paste(
  script: string,
  { cwd = ROOT, env }: { readonly cwd?: string; readonly env: NodeJS.ProcessEnv },
): Promise<string> {
  const { stdout } = await run('bash', ['-euo', 'pipefail', '-c', script], { cwd, env });
  return stdout;
}
