import { PassThrough } from 'node:stream';
import { describe, expect, it } from '@jest/globals';
import type { Command } from 'commander';
import type { CommandIo } from '../../../src/cli/io.ts';
import { createProgram } from '../../../src/cli/program.ts';
import { runCommand } from '../../support/command-run.ts';

function streams(): CommandIo {
  return {
    environment: {},
    stdin: new PassThrough(),
    stdout: new PassThrough(),
    stderr: new PassThrough(),
    interruption: () => AbortSignal.abort(),
  };
}

const namesOf = (commands: readonly Command[]): string[][] =>
  commands.map((one) => [one.name(), ...one.aliases()]);

/** The description of a command after its module is loaded. */
const partsOf = ({ options, commands, registeredArguments }: Command): number =>
  options.length + commands.length + registeredArguments.length;

describe('the list of commands', () => {
  it('has the name of each command, in alphabetical order', async () => {
    const whole = (await createProgram(streams())).commands;
    const light = (await createProgram(streams(), () => false)).commands;
    expect(namesOf(whole)).toEqual(namesOf(light));
    const names = whole.map((one) => one.name());
    expect(names).toEqual([...names].sort());
  });

  it('has a summary for each command, and the help of each has more', async () => {
    for (const one of (await createProgram(streams())).commands) {
      expect(one.summary()).not.toBe('');
      expect(one.description()).not.toBe('');
      expect(partsOf(one)).toBeGreaterThan(0);
    }
  });

  it('loads only the module of the command that is run', async () => {
    const program = await createProgram(streams(), (name) => name === 'inject');
    const loaded = program.commands.filter((one) => partsOf(one) > 0);
    expect(loaded.map((one) => one.name())).toEqual(['inject']);
  });
});

describe('the name of an object', () => {
  it.each([
    ['unload isvc/rose', 'It must be the name of one TrainedModel: NAME or tm/NAME.'],
    ['load tm/', 'It must be the name of one TrainedModel: NAME or tm/NAME.'],
    ['infer po/rose -d {}', 'It must be the name of one TrainedModel: NAME or tm/NAME.'],
    ['top tm/rose', 'It must be the name of one InferenceService: NAME or isvc/NAME.'],
    ['infer rose -d {} --url localhost:8080', 'It must be a URL such as http://localhost:8080.'],
  ])('is rejected in "%s", with exit code 2', async (line, why) => {
    const { code, stderr } = await runCommand(line.split(' '));
    expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringContaining(why) });
  });
});

describe('the help', () => {
  it('is the same by flag and by command, before and after the name', async () => {
    const help = await runCommand(['inject', '--help']);
    expect(help).toMatchObject({ code: 0, stdout: expect.stringContaining('--inference-service <file>') });
    expect(await runCommand(['help', 'inject'])).toEqual(help);
    expect(await runCommand(['help', 'cluster'])).toEqual(await runCommand(['cluster', '--help']));
  });

  it('lists every command', async () => {
    const { code, stdout } = await runCommand(['--help']);
    expect(code).toBe(0);
    for (const [name = ''] of namesOf((await createProgram(streams())).commands))
      expect(stdout).toMatch(new RegExp(`^ {2}${name}\\b`, 'm'));
  });

  it('has groups of commands, an example, and links', async () => {
    const { stdout } = await runCommand(['--help']);
    expect(stdout).toMatch(/^Models:\n {2}explain /m);
    expect(stdout).toMatch(/^Files, without a cluster:\n {2}analyze /m);
    expect(stdout).not.toMatch(/^Commands:/m);
    expect(stdout.indexOf('Models:')).toBeLessThan(stdout.indexOf('The installation:'));
    expect(stdout).toContain('  mms -n flowers status\n');
    expect(stdout).toContain('docs/cli.md');
  });

  it('is printed for a misspelled name, with a suggestion', async () => {
    const { code, stderr } = await runCommand(['injekt']);
    expect(code).toBe(2);
    expect(stderr).toContain('(Did you mean inject?)');
  });
});
