import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import { describe, expect, it } from '@jest/globals';
import type { Command } from 'commander';
import type { CommandIo } from '../../../src/cli/io.ts';
import { createProgram, run } from '../../../src/cli/program.ts';

function streams(): CommandIo & { readonly stdout: PassThrough; readonly stderr: PassThrough } {
  return {
    environment: {},
    stdin: new PassThrough(),
    stdout: new PassThrough(),
    stderr: new PassThrough(),
    interruption: () => AbortSignal.abort(),
  };
}

/** What a command line prints, and its exit code. */
async function printed(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  const io = streams();
  const code = await run(args, io);
  io.stdout.end();
  io.stderr.end();
  return { code, stdout: await text(io.stdout), stderr: await text(io.stderr) };
}

const namesOf = (commands: readonly Command[]): string[][] =>
  commands.map((command) => [command.name(), ...command.aliases()]);

describe('the list of commands', () => {
  it('names each as it names itself, in order of the alphabet', async () => {
    const whole = (await createProgram(streams())).commands;
    const light = (await createProgram(streams(), () => false)).commands;
    expect(namesOf(whole)).toEqual(namesOf(light));
    const names = whole.map((command) => command.name());
    expect(names).toEqual([...names].sort());
  });

  it('has a line of its own for each, and each says more in its help', async () => {
    for (const command of (await createProgram(streams())).commands) {
      expect(command.summary()).not.toBe('');
      expect(command.description()).not.toBe('');
      expect(command.options.length + command.commands.length).toBeGreaterThan(0);
    }
  });

  it('loads only the command that is called', async () => {
    const program = await createProgram(streams(), (name) => name === 'inject');
    const loaded = program.commands.filter((command) => command.options.length + command.commands.length > 0);
    expect(loaded.map((command) => command.name())).toEqual(['inject']);
  });
});

describe('the help', () => {
  it('is the same by flag and by command, before the name and after it', async () => {
    const help = await printed('inject', '--help');
    expect(help).toMatchObject({ code: 0, stdout: expect.stringContaining('--inference-service <file>') });
    expect(await printed('help', 'inject')).toEqual(help);
    expect(await printed('help', 'cluster')).toEqual(await printed('cluster', '--help'));
  });

  it('lists every command', async () => {
    const { code, stdout } = await printed('--help');
    expect(code).toBe(0);
    for (const [name = ''] of namesOf((await createProgram(streams())).commands))
      expect(stdout).toMatch(new RegExp(`^ {2}${name}\\b`, 'm'));
  });

  it('comes for a name that was mistyped, with a guess', async () => {
    const { code, stderr } = await printed('injekt');
    expect(code).toBe(2);
    expect(stderr).toContain('(Did you mean inject?)');
  });
});
