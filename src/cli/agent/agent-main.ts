import type { ChildProcess } from 'node:child_process';
import { startsWithFarModels } from '../../agent/puller/early-start.ts';
import { spawnPuller } from '../../agent/puller/spawn-puller.ts';
import { DEFAULT_CONFIG_MOUNT_PATH } from '../../contract/names.ts';

// The entry point of the agent's own bundle, dist/agent.js: the sidecar alone, without what the other commands need.
const args = process.argv.slice(2);
// Threads for files, of which flushes take up to eight (seal.ts). Node makes them when the first is needed.
process.env['UV_THREADPOOL_SIZE'] ??= '12';
// The process for models that are not fetched by this one comes up while this one loads its own modules.
let early: ChildProcess | undefined =
  args.includes('--enable-puller') && hasFarModels() ? spawn() : undefined;
const packageJson = new URL('../package.json', import.meta.url);
void import('./agent-program.ts')
  .then(({ runAgentProgram }) => runAgentProgram(args, { spawnPuller: nextPuller, packageJson }))
  .then((code) => process.exit(code));

function hasFarModels(): boolean {
  const at = args.indexOf('--config-dir');
  return startsWithFarModels(at === -1 ? DEFAULT_CONFIG_MOUNT_PATH : (args[at + 1] ?? ''));
}

function spawn(): ChildProcess {
  return spawnPuller(new URL('./agent-puller.js', import.meta.url), process.env);
}

function nextPuller(): ChildProcess {
  const next = early ?? spawn();
  early = undefined;
  return next;
}
