import { describe, expect, it } from '@jest/globals';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { open } from 'node:fs/promises';
import { text } from 'node:stream/consumers';

const moduleOf = (name: string): string =>
  JSON.stringify(new URL(`../../../src/lib/${name}.ts`, import.meta.url).href);

/** Runs a program that prints endlessly, and closes its output after the first line. */
async function readOnce(body: string): Promise<{ code: number | null; stderr: string }> {
  const source = `
    import { endOnBrokenPipe } from ${moduleOf('broken-pipe')};
    import { interruption } from ${moduleOf('interruption')};
    endOnBrokenPipe();
    ${body}
    setInterval(() => console.log('a line'), 1);`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', source], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, NODE_OPTIONS: '' },
  });
  await once(child.stdout, 'data');
  child.stdout.destroy();
  const [[code], stderr] = await Promise.all([once(child, 'exit'), text(child.stderr)]);
  return { code: code as number | null, stderr };
}

describe('a program whose output cannot be written', () => {
  it('prints the reason and exits with code 1', async () => {
    const full = await open('/dev/full', 'w');
    const source = `
      import { endOnBrokenPipe } from ${moduleOf('broken-pipe')};
      endOnBrokenPipe();
      console.log('a line');`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', source], {
      stdio: ['ignore', full.fd, 'pipe'],
      env: { ...process.env, NODE_OPTIONS: '' },
    });
    const [[code], stderr] = await Promise.all([once(child, 'exit'), text(child.stderr!)]);
    await full.close();
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: expect.stringMatching(/^mms: .*no space left.*\n$/),
    });
  });
});

describe('a program whose output is closed', () => {
  it('exits silently with the code of SIGPIPE', async () => {
    expect(await readOnce('')).toEqual({ code: 141, stderr: '' });
  });

  it('first does the cleanup of an interruption', async () => {
    const puttingAway = `interruption().addEventListener('abort', () => {
      console.error('put away');
      process.exit(1);
    });`;
    expect(await readOnce(puttingAway)).toEqual({ code: 1, stderr: 'put away\n' });
  });
});
