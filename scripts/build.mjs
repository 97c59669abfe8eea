/**
 * Compiles src/ to dist/ and bundles the agent, the command line and the page beside it, whole or not at all, and notes in
 * dist/ which sources it is of and which packages the bundles hold.
 * `npm run build` runs it.
 */
import { existsSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bundledPackages } from './bundled-packages.mjs';
import { hashOf, packagedNode, readIfThere, root, run, runMain, SetupError } from './run.mjs';

const SOURCES = [
  'src',
  'scripts/bundle-packs.mjs',
  'scripts/pack-launcher.js',
  'scripts/compile-pack.mjs',
  'scripts/bundle-cli.mjs',
  'scripts/client-node-as-used.mjs',
  'scripts/bundle-page.mjs',
  'scripts/commonjs-namespaces.mjs',
  'scripts/undici-as-used.mjs',
  'tsconfig.json',
  'tsconfig.build.json',
  'package-lock.json',
];
const dist = join(root, 'dist');
const STAMP = '.sources';
/** The packages in the bundles, for whoever ships these. */
const PACKAGES = 'bundled-packages.json';

/** True when dist/ was built from the sources as they are. */
export function buildIsCurrent() {
  return readIfThere(join(dist, STAMP)) === hashOf(SOURCES);
}

async function build() {
  const compiler = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
  if (!existsSync(compiler) || !existsSync(packagedNode)) {
    throw new SetupError('the dependencies are not installed; run: npm ci');
  }
  const sources = hashOf(SOURCES);
  // Beside dist/, so that source maps point to the same place; and no file of an earlier build stays in it.
  const fresh = join(root, `dist.new-${process.pid}`);
  try {
    const code = await run(packagedNode, [compiler, '-p', 'tsconfig.build.json', '--outDir', fresh]);
    if (code !== 0) return code;
    // Loaded here: what only asks whether the build is current runs before the dependencies are there.
    const { bundlePacks } = await import('./bundle-packs.mjs');
    const { bundleCli } = await import('./bundle-cli.mjs');
    const { bundlePage } = await import('./bundle-page.mjs');
    await bundlePage(fresh);
    const inputs = [...(await bundlePacks(fresh)), ...(await bundleCli(fresh))];
    writeFileSync(join(fresh, PACKAGES), JSON.stringify(bundledPackages(inputs), undefined, 2));
    writeFileSync(join(fresh, STAMP), sources);
    rmSync(dist, { recursive: true, force: true });
    renameSync(fresh, dist);
    return 0;
  } finally {
    rmSync(fresh, { recursive: true, force: true });
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await runMain(build);
