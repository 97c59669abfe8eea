import type { ChildProcess } from 'node:child_process';
import { spawnPuller } from '../../agent/puller/spawn-puller.ts';

// The entry point of the agent's own bundle, dist/agent.js: the sidecar alone, without what the other commands need.
const args = process.argv.slice(2);
// A pod that starts has models to fetch. The process for that comes up while this one loads its own modules.
let early: ChildProcess | undefined = args.includes('--enable-puller') ? spawn() : undefined;
const packageJson = new URL('../package.json', import.meta.url);
void import('./agent-program.ts')
  .then(({ runAgentProgram }) => runAgentProgram(args, { spawnPuller: nextPuller, packageJson }))
  .then((code) => process.exit(code));

function spawn(): ChildProcess {
  return spawnPuller(new URL('./agent-puller.js', import.meta.url), process.env);
}

function nextPuller(): ChildProcess {
  const next = early ?? spawn();
  early = undefined;
  return next;
}
