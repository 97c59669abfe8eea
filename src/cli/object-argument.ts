import { Argument, InvalidArgumentError } from 'commander';
import { KIND_WORDS, readTarget } from './explain/target.decide.ts';
import type { TargetKind } from './explain/target.decide.ts';

/**
 * An argument that names an object of one kind: the name alone, or behind a word for the kind, as in `tm/rose` and in what
 * `kubectl get -o name` prints.
 *
 * @param declaration commander's, such as `<name>`
 */
export function objectArgument(declaration: string, meaning: string, kind: TargetKind): Argument {
  const argument = new Argument(declaration, meaning);
  const readName = (word: string): string => {
    const target = readTarget(word);
    if (target !== undefined && (target.kind ?? kind) === kind) return target.name;
    throw new InvalidArgumentError(`It must be the name of one ${kind}: NAME or ${shortWord(kind)}/NAME.`);
  };
  return argument.variadic
    ? argument.argParser((word, before?: readonly string[]) => [...(before ?? []), readName(word)])
    : argument.argParser<string>(readName);
}

function shortWord(kind: TargetKind): string {
  const words = [...KIND_WORDS].filter(([, meant]) => meant === kind).map(([word]) => word);
  return words.reduce((a, b) => (b.length < a.length ? b : a), kind);
}
