import { PassThrough } from 'node:stream';
import type { Command, Option } from 'commander';
import { createProgram } from '../src/cli/program.ts';
import { code, markdownTable, page } from './markdown.ts';

/** Every command with every flag, as commander has them. */
export async function commandsPage(): Promise<string> {
  const nowhere = new PassThrough();
  const program = await createProgram({
    ...{ environment: {}, stdin: nowhere, stdout: nowhere, stderr: nowhere },
    interruption: () => AbortSignal.abort(),
  });
  const sections = program.commands.flatMap((command) => sectionsOf(command, ['mms']));
  return page(
    'Every command and flag',
    'What the commands are for is in [the command line](../cli.md). `kubectl mms` is the same as `mms`; `-h` is the help of each.',
    ...sections,
  );
}

function sectionsOf(command: Command, above: readonly string[]): string[] {
  const path = [...above, command.name()];
  const aliases = command.aliases().map((alias) => code([...above, alias].join(' ')));
  const also = aliases.length === 0 ? '' : ` Also: ${aliases.join(', ')}.`;
  const usage = command
    .usage()
    .replace(/^\[options\] ?/, '')
    .replace('[command]', 'COMMAND');
  const options = command.options.filter(({ hidden }) => !hidden);
  return [
    `## ${path.join(' ')}`,
    `${sentence(command.description())}${also}`,
    ...(usage === '' ? [] : [`Usage: ${code(`${path.join(' ')} ${usage}`)}`]),
    ...(options.length === 0 ? [] : [markdownTable(['flag', 'meaning', 'default'], options.map(rowOf))]),
    ...shownCommands(command).flatMap((one) => sectionsOf(one, path)),
  ];
}

function rowOf(option: Option): string[] {
  const { flags, description, argChoices, mandatory } = option;
  const choices = argChoices === undefined ? '' : ` (${argChoices.join(', ')})`;
  return [code(flags), `${description}${choices}${mandatory ? '; must be given' : ''}`, defaultOf(option)];
}

/** What a switch is without being given says nothing. */
function defaultOf({ defaultValue, defaultValueDescription }: Option): string {
  const value: unknown = defaultValueDescription ?? defaultValue;
  if (value === undefined || value === false || (Array.isArray(value) && value.length === 0)) return '';
  return code(
    Array.isArray(value) ? value.join(' ') : typeof value === 'string' ? value : JSON.stringify(value),
  );
}

function sentence(text: string): string {
  const capital = `${text.slice(0, 1).toUpperCase()}${text.slice(1)}`;
  return /[.)]$/.test(capital) ? capital : `${capital}.`;
}

/** Those of the help, without `help` itself. */
function shownCommands(command: Command): readonly Command[] {
  const shown = new Set(command.createHelp().visibleCommands(command));
  return command.commands.filter((one) => shown.has(one));
}
