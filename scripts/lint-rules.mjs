/**
 * Lint rules of this project. They read the imports themselves: `import-x/no-cycle` does not see type imports, and no kept
 * plugin knows which files are decisions.
 */
import { globSync, readFileSync } from 'node:fs';
import { dirname, resolve, sep } from 'node:path';

/**
 * A decision may use other decisions, the contract and what is pure in lib. Types may come from anywhere.
 * @param {readonly string[]} effectsOfLib the files of lib that act, without extension
 */
export function pureImports(effectsOfLib) {
  const isPure = (path) => {
    if (path.endsWith('.decide.ts') || path.includes(`${sep}src${sep}contract${sep}`)) return true;
    const lib = path.split(`${sep}src${sep}lib${sep}`)[1];
    return lib !== undefined && !effectsOfLib.includes(lib.replace(/\.ts$/, ''));
  };
  return {
    meta: { type: 'problem', messages: { impure: '{{from}} has effects, so a decision may not use it' } },
    create: (context) => ({
      ImportDeclaration(node) {
        if (node.importKind === 'type' || !node.source.value.startsWith('.')) return;
        const path = resolve(dirname(context.filename), node.source.value);
        if (!isPure(path)) context.report({ node, messageId: 'impure', data: { from: node.source.value } });
      },
    }),
  };
}

/** No file is reached from itself, by imports of any kind: of values, of types, or later by `import()`. */
export function noCircles() {
  const imports = new Map();
  const importsOf = (file) => {
    const known = imports.get(file);
    if (known !== undefined) return known;
    const text = readFileSync(file, 'utf8');
    const found = [
      ...text.matchAll(/^(?:import|export)[^;']*?from '(\.[^']+\.ts)';/gm),
      ...text.matchAll(/import\('(\.[^']+\.ts)'\)/g),
    ];
    const paths = found.map(([, path]) => resolve(dirname(file), path));
    imports.set(file, paths);
    return paths;
  };
  const wayBack = (start) => {
    const before = new Map();
    const queue = [...importsOf(start)].map((file) => [file, start]);
    for (const [file, from] of queue) {
      if (before.has(file)) continue;
      before.set(file, from);
      if (file === start) return steps(start, before);
      queue.push(...importsOf(file).map((next) => [next, file]));
    }
    return undefined;
  };
  return {
    meta: { type: 'problem', messages: { circle: 'a circle of imports: {{way}}' } },
    create: (context) => ({
      Program(node) {
        const way = wayBack(context.filename);
        if (way !== undefined) context.report({ node, messageId: 'circle', data: { way: way.join(' <- ') } });
      },
    }),
  };
}

/** The files of a circle, from its end to its beginning. */
function steps(start, before) {
  const way = [start];
  let file = before.get(start);
  while (file !== start) {
    way.push(file);
    file = before.get(file);
  }
  return [...way, start].map((path) => path.split(`${sep}src${sep}`)[1] ?? path);
}

/** CONTRIBUTING.md says what to write instead. */
const DIALECT = /\b(?:anew|whoever|nobody|somebody|anybody|told|untold|stands in)\b/i;

/** Comments and texts use plain words. With `titles`, of the texts only the titles of tests: others may be fixtures. */
export function plainWords() {
  return {
    meta: {
      type: 'suggestion',
      schema: [{ type: 'object', properties: { titles: { type: 'boolean' } }, additionalProperties: false }],
      defaultOptions: [{ titles: false }],
      messages: { dialect: 'write "{{word}}" in plain words (CONTRIBUTING.md)' },
    },
    create: (context) => {
      const [{ titles }] = context.options;
      const check = (node, text) => {
        const [word] = DIALECT.exec(text) ?? [];
        if (word !== undefined) context.report({ node, messageId: 'dialect', data: { word } });
      };
      return {
        Program() {
          for (const comment of context.sourceCode.getAllComments()) check(comment, comment.value);
        },
        Literal(node) {
          if (typeof node.value === 'string' && (!titles || isTitle(node))) check(node, node.value);
        },
        TemplateElement(node) {
          if (!titles || isTitle(node.parent)) check(node, node.value.raw);
        },
      };
    },
  };
}

/** The first argument of `describe` and `it`, and what their tables call a case: its first text, `name`, `what` or `title`. */
function isTitle(node) {
  const { parent } = node;
  if (parent.type === 'CallExpression') return parent.arguments[0] === node && isOfTests(parent.callee);
  if (parent.type === 'Property')
    return parent.value === node && /^(?:name|what|title)$/.test(parent.key.name);
  return (
    parent.type === 'ArrayExpression' &&
    parent.elements[0] === node &&
    parent.parent.type === 'ArrayExpression'
  );
}

/** `it`, `it.each(…)` and the like. */
function isOfTests(callee) {
  if (callee.type === 'Identifier') return ['describe', 'it', 'test'].includes(callee.name);
  const inner = callee.object ?? callee.callee ?? callee.tag;
  return inner !== undefined && isOfTests(inner);
}

/** Where imports of what src exports may be. */
const IMPORTERS = ['src', 'test', 'bench', 'image', 'reference'].flatMap((folder) => [
  `${folder}/**/*.ts`,
  `${folder}/**/*.mts`,
]);

/** What a file exports is imported by another. */
export function noUnusedExports(root) {
  let imported;
  return {
    meta: { type: 'suggestion', messages: { unused: 'no other file imports {{name}}: do not export it' } },
    create: (context) => ({
      ExportNamedDeclaration(node) {
        imported ??= importedNames(root);
        const used = imported.get(context.filename) ?? new Set();
        for (const name of namesOf(node.declaration)) {
          if (!used.has(name)) context.report({ node, messageId: 'unused', data: { name } });
        }
      },
    }),
  };
}

function namesOf(declaration) {
  if (declaration === null) return [];
  if (declaration.id) return [declaration.id.name];
  return (declaration.declarations ?? []).flatMap(({ id }) => (id.type === 'Identifier' ? [id.name] : []));
}

/** By file, what others import of it. A file that is imported by `import()` counts each word of the importer as a name. */
function importedNames(root) {
  const imported = new Map();
  const add = (importer, path, names) => {
    const file = resolve(dirname(importer), path);
    const known = imported.get(file) ?? new Set();
    for (const name of names) known.add(name);
    imported.set(file, known);
  };
  for (const importer of IMPORTERS.flatMap((pattern) => globSync(pattern, { cwd: root }))) {
    const file = resolve(root, importer);
    const text = readFileSync(file, 'utf8');
    for (const [, list, path] of text.matchAll(
      /(?:import|export)\s+(?:type\s+)?\{([^}]*)\}\s*from\s+'(\.[^']+)'/g,
    )) {
      add(
        file,
        path,
        list.split(',').map((name) =>
          name
            .replace(/\btype /, '')
            .split(' as ')[0]
            .trim(),
        ),
      );
    }
    for (const [, path] of text.matchAll(/import\('(\.[^']+)'\)/g)) add(file, path, text.match(/\b\w+\b/g));
  }
  return imported;
}
