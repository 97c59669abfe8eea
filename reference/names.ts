import ts from 'typescript';
import { code, markdownTable, page } from './markdown.ts';
import { commentOf, literalsOf, type Sources, walk } from './sources.ts';

/** Keys of labels and annotations; what ends in a version is an apiVersion. */
const KEY = /^((internal\.)?serving\.kserve\.io|kserve-mms)\/(?!v\d|agent-status)[\w-]+$/;

/** Every label and annotation that is spoken of in src/, with what is said above its declaration. */
export function namesPage(sources: Sources): string {
  const found = new Map<string, { comment: string; path: string }>();
  for (const file of sources.files) {
    walk(file, (node) => {
      if (!ts.isVariableDeclaration(node) && !ts.isPropertyAssignment(node)) return;
      const { initializer } = node;
      if (initializer === undefined || !ts.isStringLiteralLike(unwrapped(initializer))) return;
      for (const key of literalsOf(sources.checker.getTypeAtLocation(unwrapped(initializer)))) {
        if (!KEY.test(key) || found.has(key)) continue;
        found.set(key, { comment: nearestComment(node), path: sources.pathOf(file) });
      }
    });
  }
  const rows = [...found]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, { comment, path }]) => [code(key), comment, `[${path}](../../${path})`]);
  return page(
    'Labels and annotations',
    "KServe's keys begin with `serving.kserve.io/` and `internal.serving.kserve.io/`, this project's own with `kserve-mms/`.",
    markdownTable(['key', 'meaning', 'in'], rows),
  );
}

function unwrapped(expression: ts.Expression): ts.Expression {
  return ts.isAsExpression(expression) ? expression.expression : expression;
}

/** Of the declaration, or of the object around it. */
function nearestComment(node: ts.Node): string {
  for (let at = node; !ts.isSourceFile(at); at = at.parent) {
    const comment = commentOf(at);
    if (comment !== '') return comment;
  }
  return '';
}
