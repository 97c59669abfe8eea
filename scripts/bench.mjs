/**
 * `npm run bench`: sets up what is missing and runs the benchmark beside KServe. Arguments are those of bench/main.mts. It runs on
 * the Node that the image brings.
 */
import { mkdirSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { guardResults, packagedNode, root, run, runMain } from './run.mjs';
import { setup } from './setup.mjs';

await runMain(async () => {
  rmSync(guardResults, { force: true });
  await setup();
  mkdirSync(dirname(guardResults), { recursive: true });
  return run(packagedNode, [join(root, 'bench', 'main.mts'), ...process.argv.slice(2)]);
});
