/**
 * How the bundles of agent and manager start: the text of this file becomes their launchers, with the names in capitals
 * filled in by bundle-packs.mjs. Node's own loader of ES modules costs 6 MiB and some 15 ms for the files that these
 * are made of, so they are functions in one script, compiled when the bundle was made. No import here: that of node:fs alone
 * loads a dozen modules.
 */
const { readFileSync } = process.getBuiltinModule('node:fs');
const { createRequire } = process.getBuiltinModule('node:module');
const { Script } = process.getBuiltinModule('node:vm');
const { fileURLToPath } = process.getBuiltinModule('node:url');

const nodeRequire = createRequire(import.meta.url);
const here = fileURLToPath(new URL('.', import.meta.url));
const chunk = (name) => `${here}CHUNKS/${name}`;
/* global INLINED */
/** Modules by name; those that this file needs at once stand here, the others come with the pack. */
let definitions = INLINED;
let packed = false;
const modules = new Map();

/** Runs a file of the bundle; bundles are ASCII, which `latin1` reads fastest. */
function evaluate(file, cachedData) {
  return new Script(readFileSync(file, 'latin1'), { filename: file, cachedData }).runInThisContext();
}

/** V8 refuses what another version of it compiled, and compiles anew. */
function compiledPack() {
  try {
    return readFileSync(chunk(`PACK-${process.version}-${process.arch}.cache`));
  } catch {
    return undefined;
  }
}

function definitionOf(id) {
  if (definitions[id] === undefined && !packed) {
    packed = true;
    definitions = { ...definitions, ...evaluate(chunk('PACK.js'), compiledPack()) };
  }
  return definitions[id] ?? evaluate(chunk(id.slice(2)));
}

function load(id) {
  const known = modules.get(id);
  if (known !== undefined) return known.exports;
  if (!id.startsWith('./')) return nodeRequire(id);
  const module = { exports: {} };
  modules.set(id, module);
  definitionOf(id)(module.exports, load, module, here, import.meta.url);
  return module.exports;
}

load('./ENTRY');
