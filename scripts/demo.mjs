/** `npm run demo`: sets up what is missing and becomes `mms demo`. Arguments are the command's: `npm run demo -- --keep`. */
import { join } from 'node:path';
import { root, runMain, say } from './run.mjs';
import { setup } from './setup.mjs';

const launcher = join(root, 'bin', 'mms.js');

await runMain(setup);
if (process.exitCode === undefined) {
  say('starting the demo');
  // In this process, so that signals and its end reach the command as they do without this script.
  process.argv = [process.argv[0], launcher, 'demo', ...process.argv.slice(2)];
  await import('../bin/mms.js');
}
