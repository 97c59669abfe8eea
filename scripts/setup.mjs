/**
 * Brings the repository to where its programs run: `npm ci` when node_modules is not what package-lock.json says, and
 * a build when dist is not of these sources. Does nothing, quickly, when all is well. `npm run setup` runs it alone.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildIsCurrent } from './build.mjs';
import { withSigns } from './progress.mjs';
import { packagedNode, readIfThere, requireWritable, root, run, runMain, say, SetupError } from './run.mjs';

const OLDEST_NODE = 20;

/** @throws SetupError saying what to do */
export async function setup() {
  const major = Number(process.versions.node.split('.')[0]);
  if (major < OLDEST_NODE) {
    throw new SetupError(
      `Node ${OLDEST_NODE} or later is needed to set up, and this is ${process.version}: https://nodejs.org`,
    );
  }
  if (!dependenciesAreCurrent()) await installDependencies();
  if (!existsSync(packagedNode)) {
    throw new SetupError(`npm did not install the package \`node\`, whose install script brings a current Node.
Allow that script (\`npm config get ignore-scripts\` should say false), then run: npm ci`);
  }
  if (!buildIsCurrent()) await build();
}

/**
 * True when what npm noted in node_modules is what package-lock.json asks for; packages for other platforms, which
 * are optional, may be missing. npm writes its note last, so an interrupted installation has none.
 */
function dependenciesAreCurrent() {
  const installed = readIfThere(join(root, 'node_modules', '.package-lock.json'));
  if (installed === undefined) return false;
  const present = JSON.parse(installed).packages;
  const wanted = JSON.parse(readIfThere(join(root, 'package-lock.json'))).packages;
  return Object.entries(wanted).every(
    ([path, { version, integrity, optional }]) =>
      path === '' ||
      (present[path] === undefined
        ? optional === true
        : present[path].version === version && present[path].integrity === integrity),
  );
}

async function installDependencies() {
  requireWritable('Installing the dependencies');
  say('installing the dependencies (npm ci) …');
  const cli = process.env.npm_execpath ?? '';
  // Started by npm: the same npm. It may not be on the PATH.
  const [command, ...first] = cli.endsWith('npm-cli.js') ? [process.execPath, cli] : ['npm'];
  const args = [...first, 'ci', '--include=dev', '--no-audit', '--no-fund', '--loglevel=error'];
  const code = await withSigns('npm ci', () => run(command, args)).catch((error) => {
    throw new SetupError(`npm cannot be started (${error.code}). It comes with Node: https://nodejs.org`);
  });
  if (code !== 0) {
    throw new SetupError(`\`npm ci\` failed with exit code ${code}; its messages are above.
It needs a package registry (\`npm config get registry\`) and room in ${root}.`);
  }
}

async function build() {
  requireWritable('Building');
  say('building (npm run build) …');
  const code = await withSigns('the build', () => run(packagedNode, [join(root, 'scripts', 'build.mjs')]));
  if (code !== 0) throw new SetupError("the build failed; the compiler's messages are above");
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await runMain(async () => {
    await setup();
    say('ready');
    return 0;
  });
}
