/**
 * `npm test`: sets up what is missing, fetches etcd and kube-apiserver, and runs jest. Arguments are jest's, for example
 * `npm test -- --selectProjects unit`; `--full` runs the slow files, too, which test/tiers.json names. The result is left in
 * test-results/jest.json.
 */
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { packagedNode, requireWritable, results, root, run, runMain, say, SetupError } from './run.mjs';
import { setup } from './setup.mjs';
import { aroundProjects, readTier, tierEnvironment } from './tiers.mjs';

await runMain(async () => {
  const { tier, args } = readTier(process.argv.slice(2));
  requireWritable('Running the tests');
  rmSync(results, { force: true });
  await setup();
  if (needsControlPlane(args)) await fetchControlPlane();
  mkdirSync(join(root, 'test-results'), { recursive: true });
  const jest = join(root, 'scripts', 'jest.mjs');
  const code = await run(
    packagedNode,
    [
      // For ES modules in jest; as arguments, since NODE_OPTIONS would reach the programs that tests start.
      '--experimental-vm-modules',
      '--disable-warning=ExperimentalWarning',
      jest,
      '--json',
      `--outputFile=${results}`,
      ...args,
    ],
    { env: tierEnvironment(tier) },
  );
  if (code === 0 && tier === 'quick') say('The slow files were left out; all of them: npm run test:full');
  return code === 0 ? requireTests(args) : code;
});

/** Only a run that is limited to other projects does without. */
function needsControlPlane(args) {
  const { projects = ['all'] } = aroundProjects(args);
  return projects.some((project) => project !== 'unit');
}

async function fetchControlPlane() {
  const code = await run(packagedNode, [join(root, 'bin', 'mms.js'), 'cluster', 'fetch'], {
    stdout: 'ignore',
  });
  if (code !== 0) {
    throw new SetupError(`the integration tests need a real kube-apiserver; the ways to get one are listed above.
What needs none runs with: npm test -- --selectProjects unit`);
  }
}

/** A run in which nothing was tested proves nothing. */
function requireTests(args) {
  if (
    args.some((arg) => ['--listTests', '--showConfig', '--help', '--version', '--clearCache'].includes(arg))
  )
    return 0;
  const { numPassedTests = 0 } = existsSync(results) ? JSON.parse(readFileSync(results, 'utf8')) : {};
  if (numPassedTests > 0) return 0;
  say('error: no test ran');
  return 1;
}
