import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { findKubectl } from './kubectl.ts';

const run = promisify(execFile);
const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** The shell blocks of one section of a page, in their order. */
export async function shellBlocks(page: string, heading: string): Promise<string[]> {
  const text = await readFile(join(ROOT, page), 'utf8');
  const section = text.split(/^## /m).find((part) => part.startsWith(`${heading}\n`));
  if (section === undefined) throw new Error(`${page} has no section "${heading}"`);
  return [...section.matchAll(/^```sh\n([^]*?)^```$/gm)].map(([, block = '']) => block.trim());
}

/** Runs what a page says, as a reader would paste it, against a cluster; resolves with what it printed. */
export async function paste(kubeconfig: string, script: string): Promise<string> {
  const PATH = `${dirname((await findKubectl()).path)}:${process.env['PATH'] ?? ''}`;
  const env = { ...process.env, PATH, KUBECONFIG: kubeconfig };
  return (await run('bash', ['-euo', 'pipefail', '-c', script], { cwd: ROOT, env })).stdout;
}
