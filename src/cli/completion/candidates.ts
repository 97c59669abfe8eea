import type { Argument, Command, Option } from 'commander';

/** Something that may stand where the cursor is. */
export interface Candidate {
  readonly word: string;
  readonly description: string;
}

/** What may stand where the cursor is, as far as the commands themselves say it. */
interface Completion {
  readonly candidates: readonly Candidate[];
  /** Whether the shell should offer files, too. */
  readonly files: boolean;
  /** The argument that stands here, when only a cluster knows its values. */
  readonly argument: Argument | undefined;
  /** Values of the flags that are there already, by their long name without dashes. */
  readonly flags: ReadonlyMap<string, string>;
}

/** Values that are files, by what the help calls them. */
const FILE_VALUE = /^<(file|directory|path)/;

/** Where in the command line the cursor is. */
interface Position {
  readonly command: Command;
  /** The flag whose value stands here. */
  readonly option: Option | undefined;
  readonly positional: number;
  readonly flags: ReadonlyMap<string, string>;
}

/**
 * What completes the last of these words, which may be empty or begun.
 *
 * @param words what stands after `mms`; a shell that takes `=` for a word of its own may leave it in
 */
export function complete(program: Command, words: readonly string[]): Completion {
  const typed = words.map((word, index) => (word === '=' && index === words.length - 1 ? '' : word));
  const begun = typed.at(-1) ?? '';
  const { command, option, positional, flags } = positionAfter(program, typed.slice(0, -1));
  const none = { candidates: [], files: false, argument: undefined, flags };
  if (option !== undefined) return { ...none, ...valuesOf(option, begun, '') };
  const [, flag = '', value] = /^(--[^=]+)=(.*)$/.exec(begun) ?? [];
  if (value !== undefined) {
    const its = optionNamed(command, flag);
    return its === undefined ? none : { ...none, ...valuesOf(its, value, `${flag}=`) };
  }
  if (begun.startsWith('-')) return { ...none, candidates: startingWith(begun, flagsOf(command)) };
  if (command.commands.length > 0) return { ...none, candidates: startingWith(begun, commandsOf(command)) };
  const argument = command.registeredArguments.at(
    command.registeredArguments.at(-1)?.variadic === true
      ? Math.min(positional, command.registeredArguments.length - 1)
      : positional,
  );
  if (argument === undefined || positional > command.registeredArguments.length) return none;
  const choices = (argument.argChoices ?? []).map((word) => ({ word, description: '' }));
  return { ...none, candidates: startingWith(begun, choices), argument };
}

function positionAfter(program: Command, words: readonly string[]): Position {
  let command = program;
  let option: Option | undefined;
  let positional = 0;
  const flags = new Map<string, string>();
  for (const word of words) {
    if (word === '=') continue;
    if (option !== undefined) {
      flags.set(option.name(), word);
      option = undefined;
    } else if (word.startsWith('-')) {
      const [name = '', value] = word.split('=', 2);
      const its = optionNamed(command, name);
      if (its !== undefined && value !== undefined) flags.set(its.name(), value);
      else if (its?.required === true) option = its;
    } else {
      const next = command.commands.find((one) => one.name() === word || one.aliases().includes(word));
      if (next === undefined) positional += 1;
      else command = next;
    }
  }
  return { command, option, positional, flags };
}

function valuesOf(option: Option, begun: string, before: string): Pick<Completion, 'candidates' | 'files'> {
  const choices = startingWith(
    begun,
    (option.argChoices ?? []).map((word) => ({ word, description: '' })),
  );
  const value = /<.*$/.exec(option.flags)?.[0] ?? '';
  return {
    candidates: choices.map(({ word, description }) => ({ word: `${before}${word}`, description })),
    files: FILE_VALUE.test(value),
  };
}

function optionNamed(command: Command, name: string): Option | undefined {
  return command.options.find(({ long, short }) => long === name || short === name);
}

function flagsOf(command: Command): Candidate[] {
  const shown = command.options.filter(({ hidden, long }) => !hidden && long != null);
  const flags = shown.map(({ long, description }) => ({ word: long ?? '', description }));
  return [...flags, { word: '--help', description: 'display help for command' }];
}

function commandsOf(command: Command): Candidate[] {
  const shown = new Set(command.createHelp().visibleCommands(command));
  return command.commands
    .filter((one) => shown.has(one))
    .map((one) => ({
      word: one.name(),
      description: one.summary() || one.description(),
    }));
}

function startingWith(begun: string, candidates: readonly Candidate[]): Candidate[] {
  return candidates.filter(({ word }) => word.startsWith(begun));
}
