/**
 * `npm run test:e2e`: sets up what is missing, and runs the tests of test/e2e on a real node that lives in namespaces of
 * its own. Arguments are jest's; `--shell` gives a shell on the node instead. The result is left in test-results/e2e.json.
 */
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { e2eResults, packagedNode, requireWritable, root, run, runMain, SetupError } from './run.mjs';
import { setup } from './setup.mjs';

await runMain(async () => {
  requireWritable('Running the tests');
  rmSync(e2eResults, { force: true });
  if (process.platform !== 'linux') {
    throw new SetupError(
      `a node runs on Linux, not on ${process.platform}; use a Linux machine or a virtual one`,
    );
  }
  if (process.getuid?.() !== 0) {
    throw new SetupError(`the end-to-end tests start a kubelet and containers, for which they have to be root.
Run them as root, for example in a virtual machine: sudo npm run test:e2e`);
  }
  await setup();
  mkdirSync(join(root, 'test-results'), { recursive: true });
  return run(packagedNode, [join(root, 'test', 'e2e', 'support', 'main.ts'), ...process.argv.slice(2)]);
});
