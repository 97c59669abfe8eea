import { readFile, writeFile } from 'node:fs/promises';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { join } from 'node:path';
import { ROOT } from './page.ts';

/** One `text` block of a page: a command after `$ `, and its output. */
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

/** Replaces the outputs on the page, one for each example. */
export async function writeOutputs(page: string, outputs: readonly string[]): Promise<void> {
  const file = join(ROOT, page);
  const rest = [...outputs];
  const renewed = (await readFile(file, 'utf8')).replace(
    BLOCK,
    (_block, command: string) => `\`\`\`text\n$ ${command}\n${rest.shift() ?? ''}\`\`\``,
  );
  await writeFile(file, renewed);
}

/** The output of a command on stdout and stderr with any exit code, without trailing spaces. */
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
 * The parts that are the same in each run: without numbers, durations, generated names, column widths, and phases of a
 * model before the last.
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
