/** Which npm packages are in the bundles, from what esbuild read: what the image's bill of materials and its notices list. */

/**
 * The packages of these inputs, as package-lock.json names them (`node_modules/a/node_modules/b`), sorted.
 * @param {string[]} inputs paths below the repository
 */
export function bundledPackages(inputs) {
  const found = new Set();
  for (const input of inputs) {
    const from = input.lastIndexOf('node_modules/');
    if (from < 0 || input.includes(':')) continue;
    const [first, second] = input.slice(from + 'node_modules/'.length).split('/');
    found.add(
      input.slice(0, from) + 'node_modules/' + (first.startsWith('@') ? `${first}/${second}` : first),
    );
  }
  return [...found].sort();
}
