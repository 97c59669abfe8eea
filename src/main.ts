import { endOnBrokenPipe } from './lib/broken-pipe.ts';
import { interruption } from './lib/interruption.ts';
import { run } from './cli/program.ts';

// The only place that reads argv and ends the process. bin/mms.js imports it once it runs on a Node that is new enough.
endOnBrokenPipe();
const code = await run(process.argv.slice(2), {
  environment: process.env,
  stdin: process.stdin,
  stdout: process.stdout,
  stderr: process.stderr,
  interruption,
});
// Idle keep-alive connections must not hold a finished command back. Pipes and files are written synchronously.
process.exit(code);
