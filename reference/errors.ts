import ts from 'typescript';
import { code, markdownTable, page } from './markdown.ts';
import { commentOf, literalsOf, type Sources, walk } from './sources.ts';

/** One class of errors that this project throws on purpose. */
export interface ErrorClass {
  readonly name: string;
  readonly path: string;
  readonly codes: readonly string[];
  /** The CamelCase word in a condition; only of what the agent fetches. */
  readonly reason: string | undefined;
  readonly retryable: string;
  readonly comment: string;
}

/** Every class that extends MmsError, by way of others too, but for those that are abstract. */
export function errorClasses(sources: Sources): ErrorClass[] {
  const classes: ErrorClass[] = [];
  for (const file of sources.files) {
    walk(file, (node) => {
      if (!ts.isClassDeclaration(node) || node.name === undefined) return;
      if (ts.getCombinedModifierFlags(node) & ts.ModifierFlags.Abstract) return;
      const type = sources.checker.getTypeAtLocation(node) as ts.InterfaceType;
      if (!isMmsError(sources, type)) return;
      classes.push({
        name: node.name.text,
        path: sources.pathOf(file),
        codes: literalsOf(typeOf(sources, type, 'code', node)),
        reason: literalsOf(typeOf(sources, type, 'reason', node))[0],
        retryable: retryableOf(sources, type, node),
        comment: commentOf(node),
      });
    });
  }
  return classes.sort((a, b) => (a.path === b.path ? (a.name < b.name ? -1 : 1) : a.path < b.path ? -1 : 1));
}

export function errorsPage(sources: Sources): string {
  const rows = errorClasses(sources).map(({ codes, retryable, comment, name, path }) => [
    codes.map(code).join(', '),
    retryable,
    comment,
    `[${name}](../../${path})`,
  ]);
  return page(
    'Error codes',
    'What an error is called in logs, metrics and JSON. Codes are stable; messages are for people and may change. Retryable: the same may succeed later with nothing changed by a person.',
    markdownTable(['code', 'retryable', 'meaning', 'class'], rows),
  );
}

function isMmsError(sources: Sources, type: ts.InterfaceType): boolean {
  return sources.checker
    .getBaseTypes(type)
    .some((base) => base.symbol.name === 'MmsError' || isMmsError(sources, base as ts.InterfaceType));
}

function typeOf({ checker }: Sources, type: ts.Type, property: string, at: ts.Node): ts.Type {
  const symbol = type.getProperty(property);
  return symbol === undefined ? checker.getUndefinedType() : checker.getTypeOfSymbolAtLocation(symbol, at);
}

function retryableOf(sources: Sources, type: ts.Type, at: ts.Node): string {
  const text = sources.checker.typeToString(typeOf(sources, type, 'retryable', at));
  return text === 'true' ? 'yes' : text === 'false' ? 'no' : 'it depends';
}
