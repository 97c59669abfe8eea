import { readdirSync } from 'node:fs';
import { join, relative } from 'node:path';
import ts from 'typescript';

/** The sources as the compiler understands them: what a type comes to, and what is said above a declaration. */
export interface Sources {
  readonly checker: ts.TypeChecker;
  readonly files: readonly ts.SourceFile[];
  /** The path of a file below the repository. */
  readonly pathOf: (file: ts.SourceFile) => string;
}

/** Reads src/ and image/ of the repository. Takes some seconds. */
export function readSources(root: string): Sources {
  const paths = ['src', 'image'].flatMap((room) =>
    readdirSync(join(root, room), { recursive: true, encoding: 'utf8' })
      .filter((path) => path.endsWith('.ts'))
      .map((path) => join(root, room, path)),
  );
  const { config } = ts.readConfigFile(join(root, 'tsconfig.json'), ts.sys.readFile) as {
    config: { compilerOptions: object };
  };
  const { options } = ts.convertCompilerOptionsFromJson(config.compilerOptions, root);
  const program = ts.createProgram(paths, { ...options, skipLibCheck: true });
  const known = new Set(paths);
  return {
    checker: program.getTypeChecker(),
    files: program.getSourceFiles().filter(({ fileName }) => known.has(fileName)),
    pathOf: ({ fileName }) => relative(root, fileName),
  };
}

/** The texts that a type can be: those of a literal, or of a union of them. */
export function literalsOf(type: ts.Type): string[] {
  const parts = type.isUnion() ? type.types : [type];
  return parts.flatMap((part) => (part.isStringLiteral() ? [part.value] : []));
}

/** What is said above a declaration, as one line. */
export function commentOf(node: ts.Node): string {
  const comments = ts.getJSDocCommentsAndTags(node).filter(ts.isJSDoc);
  const text = comments.map(({ comment }) => ts.getTextOfJSDocComment(comment) ?? '').join(' ');
  return oneLine(text);
}

/** Calls `visit` with every node below one. */
export function walk(node: ts.Node, visit: (node: ts.Node) => void): void {
  visit(node);
  ts.forEachChild(node, (child) => walk(child, visit));
}

/** Text of several lines, or of code with links in it, as it may stand in a cell of a table. */
export function oneLine(text: string): string {
  return text
    .replace(/\{@link (\w+)\}/g, '$1')
    .replace(/\s+/g, ' ')
    .trim();
}
