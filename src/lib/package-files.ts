/**
 * The locations of the package's own files. The same relative paths hold from src/lib, from dist/lib and from
 * dist/bundle and dist/manager-bundle, the bundles: all are two levels below the package's root.
 */

/** A file of the package, by its path from the package's root, such as `manifests/examples`. */
export function packageFile(path: string): URL {
  return new URL(`../../${path}`, import.meta.url);
}

/** A module by its path below src without an extension: source or compiled, like this module. */
export function moduleFile(path: string): URL {
  return new URL(`../${path}.${import.meta.url.endsWith('.ts') ? 'ts' : 'js'}`, import.meta.url);
}
