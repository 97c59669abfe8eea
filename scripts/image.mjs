/** `npm run image`: sets up what is missing and makes the container image. Arguments are those of image/main.ts. */
import { join } from 'node:path';
import { packagedNode, root, run, runMain } from './run.mjs';
import { setup } from './setup.mjs';

await runMain(async () => {
  await setup();
  return run(packagedNode, [join(root, 'image', 'main.ts'), ...process.argv.slice(2)]);
});
