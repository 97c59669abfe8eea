/** How esbuild ends a chunk that stands for a CommonJS package, or for a module of Node's that was taken by `require`. */
const DEFAULT_ALONE = /export default require_\w+\(\);\s*$/;
const IMPORT = /\bimport\("\.\/([^"]+)"\)/g;
/** What Node makes of them: the names that the package exports, and all of it as `default`. Nothing is read of it before it is used. */
const NAMESPACE = '.then(({default:all})=>Object.create(all,{default:{value:all}}))';

/**
 * Gives dynamic imports of CommonJS the names that Node gives them. esbuild, where it splits a bundle, exports of such a chunk
 * `default` alone, and so `const { Agent } = await import('node:https')` would be undefined.
 *
 * @param {ReadonlyMap<string, string>} texts the ES modules of a bundle by their file names
 * @returns {Map<string, string>}
 */
export function withNamespaces(texts) {
  const alone = new Set([...texts].filter(([, text]) => DEFAULT_ALONE.test(text)).map(([name]) => name));
  const named = (text) =>
    text.replace(IMPORT, (whole, name) => (alone.has(name) ? `${whole}${NAMESPACE}` : whole));
  return new Map([...texts].map(([name, text]) => [name, named(text)]));
}
