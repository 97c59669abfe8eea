import { readFile, writeFile } from 'node:fs/promises';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { join } from 'node:path';
import { ROOT } from './page.ts';

/** One `text` block of a page: a command after `$ `, and what it printed. */
export interface PageExample {
  readonly command: string;
  readonly output: string;
}

const BLOCK = /^```text\n\$ ([^\n]+)\n([^]*?)^```$/gm;

/** The examples of a page, in their order. */
export async function examplesOf(page: string): Promise<readonly PageExample[]> {
  const found = (await readFile(join(ROOT, page), 'utf8')).matchAll(BLOCK);
  return [...found].map(([, command = '', output = '']) => ({ command, output }));
}

/** Puts these outputs in the place of those that the page has, one for each example. */
export async function writeOutputs(page: string, outputs: readonly string[]): Promise<void> {
  const file = join(ROOT, page);
  const rest = [...outputs];
  const renewed = (await readFile(file, 'utf8')).replace(
    BLOCK,
    (_block, command: string) => `\`\`\`text\n$ ${command}\n${rest.shift() ?? ''}\`\`\``,
  );
  await writeFile(file, renewed);
}

/** What a command prints, on stdout and stderr alike, whatever its exit code. Blanks at the ends of lines are left out. */
export async function runExample(
  command: string,
  options: { readonly cwd: string; readonly env: NodeJS.ProcessEnv },
): Promise<string> {
  const child = spawn('bash', ['-c', `exec 2>&1\n${command}`], {
    ...options,
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const [output] = await Promise.all([text(child.stdout), once(child, 'exit')]);
  return output.replace(/ +$/gm, '');
}

/**
 * What has to be the same in each run: not numbers and spans of time, made-up names, columns' widths, nor the phases that a
 * model was seen in on its way.
 */
export function comparable(output: string): string {
  return output
    .replace(/^\w+: (Unknown|Queued|Downloading|Loading)\b.*\n/gm, '')
    .replace(/^\w+: (the TrainedModel is being|models\.json still|\d+ of \d+ replicas still).*\n/gm, '')
    .replace(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, 'ID')
    .replace(/\S+ leads$/gm, 'HOST leads')
    .replace(/(?<!\w)v?\d[\w.]*( ?(ms|s|%))?/g, '0')
    .replace(/[~/]\S*\/kserve-mms\//g, 'CACHE/')
    .replace(/[ #]+/g, ' ');
}
