/**
 * jest, ended as by its `--forceExit` but without the advice that it prints then: a test that fails may leave a server open, for
 * which jest would wait for ever.
 */
import { run } from 'jest';

await run([...process.argv.slice(2), '--openHandlesTimeout=0']);
process.exit();
