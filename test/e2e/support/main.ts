/** The end-to-end tests from outside. Arguments are jest's, or those of inside.ts. */
import { messageOf } from '../../../src/lib/errors.ts';
import { runOnNode } from './run-on-node.ts';

try {
  process.exitCode = await runOnNode(process.argv.slice(2));
} catch (thrown) {
  process.stderr.write(`error: ${messageOf(thrown)}\n`);
  process.exitCode = 1;
}
