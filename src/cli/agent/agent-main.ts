import type { ChildProcess } from 'node:child_process';
import { isMainThread } from 'node:worker_threads';
import { startsWithFarModels } from '../../agent/puller/early-start.ts';
import { spawnPuller } from '../../agent/puller/spawn-puller.ts';
import { DEFAULT_CONFIG_MOUNT_PATH } from '../../contract/names.ts';

// The entry point of the agent's own bundle, dist/agent.js: the sidecar alone, without what the other commands need. Its
// request logger's thread runs the same bundle, so that no client of a store is in the image twice.
if (isMainThread) runAgent(process.argv.slice(2));
else void import('../../agent/logger/log-thread-main.ts');

function runAgent(args: readonly string[]): void {
  // Threads for files, of which flushes take up to eight (commit-tree.ts). Node makes them when the first is needed.
  process.env['UV_THREADPOOL_SIZE'] ??= '12';
  // The process for models that are not fetched by this one comes up while this one loads its own modules.
  let early: ChildProcess | undefined =
    args.includes('--enable-puller') && hasFarModels(args) ? spawn() : undefined;
  const nextPuller = (): ChildProcess => {
    const next = early ?? spawn();
    early = undefined;
    return next;
  };
  const packageJson = new URL('../package.json', import.meta.url);
  const logThread = new URL(import.meta.url);
  void import('./agent-program.ts')
    .then(({ runAgentProgram }) => runAgentProgram(args, { spawnPuller: nextPuller, logThread, packageJson }))
    .then((code) => process.exit(code));
}

function hasFarModels(args: readonly string[]): boolean {
  const at = args.indexOf('--config-dir');
  return startsWithFarModels(at === -1 ? DEFAULT_CONFIG_MOUNT_PATH : (args[at + 1] ?? ''));
}

function spawn(): ChildProcess {
  return spawnPuller(new URL('./agent-puller.js', import.meta.url), process.env);
}
