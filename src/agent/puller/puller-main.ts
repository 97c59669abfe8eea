/** The entry point of the puller's process; only forked-puller.ts starts it. */
import { systemClock } from '../../lib/system-clock.ts';
import { createInProcessPuller } from './in-process-puller.ts';
import type { FromPuller, ToPuller } from './messages.ts';
import { servePuller } from './serve-puller.ts';

/** BSD's EX_SOFTWARE. */
const EXIT_SOFTWARE = 70;
const UNASKED_MS = 10_000;

// The model server runs as another user and must be able to read the files.
process.umask(0o022);

const env = { ...process.env };
// Azure's and Google's clients have rules of their own for these variables. Here all requests follow one set of rules.
for (const name of Object.keys(env)) {
  if (/^(?:https?|all|no)_proxy$/i.test(name)) Reflect.deleteProperty(process.env, name);
}
// AWS's client would also send token requests for a role there; KServe's agent sends those to AWS. To redirect them,
// use AWS_ENDPOINT_URL_STS.
Reflect.deleteProperty(process.env, 'AWS_ENDPOINT_URL');

const served = servePuller(
  (settings) => createInProcessPuller({ env, settings, clock: systemClock }),
  (message: FromPuller) => {
    if (process.connected) process.send?.(message);
  },
);

let ending = false;
function end(): void {
  if (ending) return;
  ending = true;
  void served.stop().finally(() => process.exit(0));
}

// Started ahead by an agent that then needed no puller.
const unasked = setTimeout(end, UNASKED_MS).unref();
process.on('message', (message) => {
  clearTimeout(unasked);
  served.receive(message as ToPuller);
});
// The agent has no more work, or is gone.
process.on('disconnect', end);
process.on('SIGTERM', end);
// Ctrl-C reaches the whole group; the agent decides what happens to the pulls.
process.on('SIGINT', () => undefined);
process.on('uncaughtException', (error) => {
  // Only the name and the frames: an SDK's message or properties may quote a signed request.
  const frames = (error.stack ?? '').split('\n').filter((line) => /^\s+at /.test(line));
  process.stderr.write(`the puller failed: ${error.name}\n${frames.join('\n')}\n`);
  process.exit(EXIT_SOFTWARE);
});
