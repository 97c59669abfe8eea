import { styleText } from 'node:util';
import type { Writable } from 'node:stream';
import { Option } from 'commander';
import { stringify } from 'yaml';
import { isTerminal, showsColours } from './terminal.ts';

/** What a command's result is printed as. */
export type OutputFormat = 'table' | 'wide' | 'name' | 'json' | 'yaml';

export type Colour = 'green' | 'yellow' | 'red' | 'dim' | 'bold';

/** `-o`, as kubectl has it. */
export function outputOption(formats: readonly OutputFormat[] = ['table', 'wide', 'json', 'yaml']): Option {
  return new Option('-o, --output <format>', 'what to print').choices(formats).default('table');
}

/** A result for programs: the same document in either notation. */
export function structured(document: unknown, format: 'json' | 'yaml'): string {
  return format === 'json' ? `${JSON.stringify(document, undefined, 2)}\n` : stringify(document);
}

/**
 * Colours text where a person reads it: on a terminal, unless NO_COLOR is set (https://no-color.org).
 */
export function painter(
  stream: Writable,
  environment: NodeJS.ProcessEnv,
): (colour: Colour, text: string) => string {
  const coloured = isTerminal(stream) && showsColours(environment);
  return (colour, text) => (coloured ? styleText(colour, text, { validateStream: false }) : text);
}
