import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ImageError } from './errors.ts';

/** An npm package of which something is in the bundles. */
export interface BundledPackage {
  /** Below the repository, `node_modules/a/node_modules/b`. */
  readonly path: string;
  readonly name: string;
  readonly version: string;
  /** SPDX expression, as the package states it. */
  readonly licence: string;
  /** Of its tarball, as npm has it: `sha512-…`. */
  readonly integrity: string;
}

interface LockedPackage {
  readonly version: string;
  readonly license?: string;
  readonly integrity: string;
}

/**
 * What the build noted of its bundles, with what package-lock.json knows of each package.
 * @throws {ImageError} NOT_BUILT
 */
export async function readBundled(root: string): Promise<BundledPackage[]> {
  const paths = (await readJson(join(root, 'dist', 'bundled-packages.json')).catch((thrown: unknown) => {
    throw new ImageError('NOT_BUILT', `there is no build in ${root}; run: npm run build`, { cause: thrown });
  })) as string[];
  const { packages } = (await readJson(join(root, 'package-lock.json'))) as {
    packages: Record<string, LockedPackage>;
  };
  const locked = new Map(Object.entries(packages));
  return paths.map((path) => {
    const found = locked.get(path);
    if (found === undefined) throw new Error(`${path} is in the bundles but not in package-lock.json`);
    const { version, license = 'NOASSERTION', integrity } = found;
    const name = path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length);
    return { path, name, version, licence: license, integrity };
  });
}

export async function readJson(path: string): Promise<unknown> {
  return JSON.parse(await readFile(path, 'utf8')) as unknown;
}
