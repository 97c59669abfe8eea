/** Small tools of the scripts here. They run on Node 20 and use nothing but Node itself. */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { accessSync, constants, existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { constants as osConstants } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const PASSED_ON = ['SIGINT', 'SIGTERM', 'SIGHUP'];

/** The repository, whatever the current directory is. */
export const root = fileURLToPath(new URL('..', import.meta.url));

/** The Node that the dev dependency `node` brings. */
export const packagedNode = join(root, 'node_modules', '.bin', 'node');

/** Where the tests, `npm run test:e2e` and `npm run bench:guard` leave their results, as jest writes them. */
export const results = join(root, 'test-results', 'jest.json');
export const e2eResults = join(root, 'test-results', 'e2e.json');
export const guardResults = join(root, 'test-results', 'guard.json');

/** What a person has to mend; printed without a stack. */
export class SetupError extends Error {}

/** A line for a person who waits. */
export function say(line) {
  process.stderr.write(`${line}\n`);
}

/** Reads a file that may not be there. */
export function readIfThere(path) {
  return existsSync(path) ? readFileSync(path, 'utf8') : undefined;
}

/** One hash over files and directories, by their paths below the repository and their contents. */
export function hashOf(paths) {
  const hash = createHash('sha256');
  for (const path of paths.flatMap(filesBelow).sort()) {
    hash
      .update(`${path}\0`)
      .update(readFileSync(join(root, path)))
      .update('\0');
  }
  return hash.digest('hex');
}

function filesBelow(path) {
  if (!statSync(join(root, path)).isDirectory()) return [path];
  return readdirSync(join(root, path)).flatMap((name) => filesBelow(join(path, name)));
}

/** Says so when nothing can be written to the repository. */
export function requireWritable(what) {
  try {
    accessSync(root, constants.W_OK);
  } catch (error) {
    throw new SetupError(`${what} needs to write to ${root}, which is not possible (${error.code}).
Make it writable for this user, or clone the repository to a place that is.`);
  }
}

/** Runs a script's main function, and turns what it throws into a message and an exit code. */
export async function runMain(main) {
  try {
    process.exitCode = await main();
  } catch (error) {
    say(error instanceof SetupError ? `error: ${error.message}` : `error: ${error.stack}`);
    process.exitCode = 1;
  }
}

/**
 * Runs a program in the repository with this process's streams, and with `env` beside its environment. Resolves with its exit code, or 128 + n after signal
 * n as a shell has it; rejects with the system's error when it cannot be started. Signals are passed on to it.
 */
export function run(command, args, { stdout = 'inherit', env = {} } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      cwd: root,
      env: { ...process.env, ...env },
      stdio: ['inherit', stdout, 'inherit'],
    });
    // A terminal sends Ctrl-C to the child as well; it must not get it twice.
    const pass = (signal) => (signal === 'SIGINT' && process.stdin.isTTY ? undefined : child.kill(signal));
    for (const signal of PASSED_ON) process.on(signal, pass);
    const settle = (act) => {
      for (const signal of PASSED_ON) process.off(signal, pass);
      act();
    };
    child.once('error', (error) => settle(() => reject(error)));
    child.once('close', (code, signal) =>
      settle(() => resolve(signal === null ? code : 128 + osConstants.signals[signal])),
    );
  });
}
