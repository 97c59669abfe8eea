/** `npm run docs`: sets up what is missing and writes docs/reference anew from the sources. */
import { join } from 'node:path';
import { packagedNode, root, run, runMain } from './run.mjs';
import { setup } from './setup.mjs';

await runMain(async () => {
  await setup();
  return run(packagedNode, [join(root, 'reference', 'main.ts')]);
});
