import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { access, readdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import process from 'node:process';
import { describe, expect, it } from '@jest/globals';
import { eventually } from '../support/eventually.ts';
import { paste, ROOT, shellOf } from '../support/page.ts';

describe('the command of the README that shows it all', () => {
  it('plays to its end, with models that predict', async () => {
    const output = await paste(await shellOf('README.md', 'See it work'), { env: process.env });
    expect(output).toContain('All of it held.');
    // Ten times and more what it takes; where MLServer has to be installed first, that is done before the tests.
  }, 600_000);

  it('with --keep goes on until Ctrl-C, and leaves nothing running then', async () => {
    // In a group of its own, all of which a terminal sends the signal to.
    const child = spawn(process.execPath, [join(ROOT, 'bin', 'mms.js'), 'demo', '--keep'], {
      ...{ detached: true, stdio: ['ignore', 'pipe', 'pipe'] },
    });
    const chunks: Buffer[] = [];
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (chunk: Buffer) => chunks.push(chunk));
    const told = (): string => Buffer.concat(chunks).toString('utf8');
    const exited = once(child, 'exit') as Promise<[number | null, string | null]>;
    await eventually(() => expect(told()).toContain('Ctrl-C ends it and removes everything.'), 600_000, 200);
    const [, kubeconfig = ''] = /export KUBECONFIG=(\S+)/.exec(told()) ?? [];
    await access(kubeconfig);
    process.kill(-(child.pid ?? 0), 'SIGINT');
    const [code, signal] = await exited;
    expect({ code, signal, told: code === 0 ? '' : told() }).toEqual({ code: 0, signal: null, told: '' });
    expect(told()).toContain('Interrupted: ending and removing everything');
    await expect(access(kubeconfig)).rejects.toThrow('ENOENT');
    await eventually(async () => expect(await processesWith(dirname(kubeconfig))).toEqual([]), 30_000);
  }, 900_000);
});

/** Programs that were started with this directory among their arguments. */
async function processesWith(directory: string): Promise<string[]> {
  const ids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const commands = await Promise.all(
    ids.map((id) => readFile(join('/proc', id, 'cmdline'), 'utf8').catch(() => '')),
  );
  return commands.filter((command) => command.includes(directory)).map((text) => text.replaceAll('\0', ' '));
}
