#!/usr/bin/env node
/**
 * Starts `mms` on a Node that is new enough. Plain JavaScript for Node 20, since that is what may run it first: when
 * it is older than 22.21, where agents learnt of proxies (client-node 2 needs 22.19), the Node that the dev
 * dependency `node` brings takes over.
 */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { constants } from 'node:os';
import { fileURLToPath } from 'node:url';

const NEEDED = [22, 21];
/** Set for the process that takes over, and by that it knows. */
const TAKEN_OVER = 'KSERVE_MMS_LAUNCHED';
const FORWARDED = ['SIGINT', 'SIGTERM', 'SIGHUP'];

const packagedNode = fileURLToPath(new URL('../node_modules/.bin/node', import.meta.url));
/** The command line, bundled: it needs no node_modules. */
const main = new URL('../dist/bundle/main.js', import.meta.url);
/** The sidecar alone, in a bundle of its own: a fraction of the memory that the whole command line takes. */
const agent = new URL('../dist/agent.js', import.meta.url);
/** The manager alone, too. */
const manager = new URL('../dist/manager-bundle/main.js', import.meta.url);
const program =
  new Map([
    ['agent', agent],
    ['manager', manager],
  ]).get(process.argv[2]) ?? main;
const takenOver = process.env[TAKEN_OVER] !== undefined;

if (takenOver) endWithLauncher();

if (!newEnough(process.versions.node)) {
  if (takenOver || !existsSync(packagedNode)) {
    fail(
      `this needs Node ${NEEDED.join('.')} or later, and runs on ${process.version}.`,
      'Install a current Node (https://nodejs.org), or run `npm ci` in the repository: it brings one along',
      '(with --ignore-scripts, or where npm may not run the install script of the package `node`, it does not).',
    );
  } else {
    takeOver();
  }
} else if (!existsSync(program)) {
  fail(
    'it is not built yet, or was built from older sources.',
    'Run `npm ci && npm run build` in the repository first.',
  );
} else {
  if (program === agent) process.argv.splice(2, 1);
  await import(program.href);
}

function newEnough(version) {
  const [major, minor] = version.split('.').map(Number);
  return major > NEEDED[0] || (major === NEEDED[0] && minor >= NEEDED[1]);
}

function fail(...lines) {
  console.error(`mms: ${lines.join('\n     ')}`);
  process.exitCode = 1;
}

/**
 * Runs this file again on the packaged Node. That process is in a session of its own, so that Ctrl-C in a terminal reaches
 * it once, forwarded from here, rather than twice. The channel is how it learns that this process was killed.
 */
function takeOver() {
  const child = spawn(packagedNode, [fileURLToPath(import.meta.url), ...process.argv.slice(2)], {
    stdio: ['inherit', 'inherit', 'inherit', 'ipc'],
    env: { ...process.env, [TAKEN_OVER]: '1' },
    detached: true,
  });
  const forward = (signal) => child.kill(signal);
  for (const signal of FORWARDED) process.on(signal, forward);
  child.once('error', (error) => {
    fail(
      `cannot run ${packagedNode}: ${error.message}.`,
      'Run `npm ci` in the repository to install it again.',
    );
  });
  child.once('exit', (code, signal) => {
    for (const name of FORWARDED) process.off(name, forward);
    if (signal === null) {
      process.exitCode = code;
    } else {
      // For when the signal does not end this process: what a shell would report.
      process.exitCode = 128 + constants.signals[signal];
      process.kill(process.pid, signal);
    }
  });
}

/** The other end of takeOver: ends at once when the launcher is gone, and hides the channel from its own children. */
function endWithLauncher() {
  delete process.env[TAKEN_OVER];
  delete process.env.NODE_CHANNEL_FD;
  delete process.env.NODE_CHANNEL_SERIALIZATION_MODE;
  process.on('disconnect', () => process.exit(1));
  // It must not keep a finished program alive.
  process.channel?.unref();
}
