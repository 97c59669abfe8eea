/**
 * `npm run clean:cache`: removes what setup, tests and benchmarks have downloaded and built outside the repository, and says
 * how much that was. `--list` only says it. Clusters of `mms cluster up` are kept: they may be in use.
 */
import { lstatSync, readdirSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { runMain, say, SetupError } from './run.mjs';

const KEPT = new Set(['cluster']);

await runMain(() => {
  const args = process.argv.slice(2);
  if (args.some((arg) => arg !== '--list')) throw new SetupError('usage: npm run clean:cache [-- --list]');
  const cache = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'kserve-mms');
  const names = namesIn(cache);
  for (const name of names.filter((each) => !KEPT.has(each))) {
    const size = sizeOf(join(cache, name));
    if (!args.includes('--list')) rmSync(join(cache, name), { recursive: true, force: true });
    say(`${args.includes('--list') ? 'is there' : 'removed'}: ${join(cache, name)} (${mebibytes(size)})`);
  }
  if (names.length === 0) say(`nothing is kept in ${cache}`);
  for (const name of names.filter((each) => KEPT.has(each))) {
    say(`kept: ${join(cache, name)}, the clusters of mms cluster up; end them with: mms cluster down`);
  }
  say("Go's own caches are shared with your other work; to empty them: go clean -cache -modcache");
  return 0;
});

function namesIn(directory) {
  try {
    return readdirSync(directory).sort();
  } catch (error) {
    if (error.code === 'ENOENT') return [];
    throw new SetupError(`${directory} cannot be read (${error.code})`);
  }
}

function sizeOf(path) {
  const stat = lstatSync(path);
  if (!stat.isDirectory()) return stat.size;
  return readdirSync(path).reduce((sum, name) => sum + sizeOf(join(path, name)), 0);
}

function mebibytes(bytes) {
  return `${Math.round(bytes / 1024 ** 2)} MiB`;
}
