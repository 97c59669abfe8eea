import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { access, readdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import process from 'node:process';
import { describe, expect, it } from '@jest/globals';
import { eventually } from '../support/eventually.ts';
import { paste, ROOT, shellOf } from '../support/page.ts';

describe('the demo command of the README', () => {
  it('runs to its end, with models that predict', async () => {
    const output = await paste(await shellOf('README.md', 'See it work'), { env: process.env });
    expect(output).toContain('All of it held.');
    // More than ten times the usual duration. MLServer is installed before the tests.
  }, 600_000);

  it('runs with --keep until Ctrl-C, and leaves nothing running', async () => {
    // In its own process group, to which a terminal sends the signal.
    const child = spawn(process.execPath, [join(ROOT, 'bin', 'mms.js'), 'demo', '--keep'], {
      ...{ detached: true, stdio: ['ignore', 'pipe', 'pipe'] },
    });
    const chunks: Buffer[] = [];
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (chunk: Buffer) => chunks.push(chunk));
    const output = (): string => Buffer.concat(chunks).toString('utf8');
    const exited = once(child, 'exit') as Promise<[number | null, string | null]>;
    await eventually(
      () => expect(output()).toContain('Ctrl-C ends it and removes everything.'),
      600_000,
      200,
    );
    const [, kubeconfig = ''] = /export KUBECONFIG=(\S+)/.exec(output()) ?? [];
    await access(kubeconfig);
    process.kill(-(child.pid ?? 0), 'SIGINT');
    const [code, signal] = await exited;
    expect({ code, signal, output: code === 0 ? '' : output() }).toEqual({
      code: 0,
      signal: null,
      output: '',
    });
    expect(output()).toContain('Interrupted: ending and removing everything');
    await expect(access(kubeconfig)).rejects.toThrow('ENOENT');
    await eventually(async () => expect(await processesWith(dirname(kubeconfig))).toEqual([]), 30_000);
  }, 900_000);
});

/** The programs that have this directory in their arguments. */
async function processesWith(directory: string): Promise<string[]> {
  const ids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const commands = await Promise.all(
    ids.map((id) => readFile(join('/proc', id, 'cmdline'), 'utf8').catch(() => '')),
  );
  return commands.filter((command) => command.includes(directory)).map((text) => text.replaceAll('\0', ' '));
}
