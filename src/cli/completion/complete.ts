import type { Command } from 'commander';
import type { CommandIo } from '../io.ts';
import { type Candidate, complete } from './candidates.ts';
import { namesFor } from './cluster-names.ts';

/**
 * What a shell learns about files at the end: Cobra's directives, which kubectl hands on to it. Source:
 * github.com/spf13/cobra, completions.go: ShellCompDirectiveDefault and ShellCompDirectiveNoFileComp.
 */
const DIRECTIVE = { files: ':0', noFiles: ':4' } as const;

/** Prints what completes the words, one a line with its description behind a tab, and a directive at the end. */
export async function printCompletion(
  program: Command,
  words: readonly string[],
  io: CommandIo,
): Promise<void> {
  const { candidates, files, argument, flags } = complete(program, words);
  const begun = words.at(-1) ?? '';
  const wanted =
    argument === undefined ? [] : await namesFor(`${argument.name()} ${argument.description}`, flags);
  const names = wanted.filter((name) => name.startsWith(begun)).map((word) => ({ word, description: '' }));
  const lines = [...candidates, ...names].map(lineOf);
  io.stdout.write(`${[...lines, files ? DIRECTIVE.files : DIRECTIVE.noFiles].join('\n')}\n`);
}

function lineOf({ word, description }: Candidate): string {
  const [first = ''] = description.split('\n');
  return first === '' ? word : `${word}\t${first}`;
}
