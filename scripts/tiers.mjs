/** The tiers of the tests: quick by default, full for `.ci/run`, soak for `npm run soak`. test/tiers.json has their files. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './run.mjs';

/** By this variable the configuration of jest and `test/support/tier.ts` know the tier. */
const VARIABLE = 'KSERVE_MMS_TEST_TIER';
/** Options of jest that say which files are meant. */
const FILE_OPTIONS =
  /^(--(testPathPatterns?|runTestsByPath|findRelatedTests|onlyChanged|changedSince|lastCommit|shard)\b|-o$)/;

/** The environment of a tier. */
export function tierEnvironment(tier) {
  return { [VARIABLE]: tier };
}

/** Which files `npm run soak` runs. */
export function soakFiles() {
  const { soak, soakE2e } = JSON.parse(readFileSync(join(root, 'test', 'tiers.json'), 'utf8'));
  const below = (files) => Object.keys(files).map((file) => `test/${file}`);
  return { tests: below(soak), e2e: below(soakE2e) };
}

/**
 * Splits `--full` and `--soak` from jest's arguments. Who names files gets them, slow or not: only a run of everything, or of
 * whole projects, is quick.
 */
export function readTier(given) {
  const args = given.filter((arg) => arg !== '--full' && arg !== '--soak');
  if (given.includes('--soak')) return { tier: 'soak', args };
  return { tier: given.includes('--full') || namesFiles(args) ? 'full' : 'quick', args };
}

function namesFiles(args) {
  const { before, after } = aroundProjects(args);
  return [...before, ...after].some((arg) => !arg.startsWith('-') || FILE_OPTIONS.test(arg));
}

/** The names behind --selectProjects, and the arguments before and after them. */
export function aroundProjects(args) {
  const start = args.indexOf('--selectProjects');
  if (start < 0) return { before: args, projects: undefined, after: [] };
  const rest = args.slice(start + 1);
  const length = rest.findIndex((arg) => arg.startsWith('-'));
  const end = length < 0 ? rest.length : length;
  return { before: args.slice(0, start), projects: rest.slice(0, end), after: rest.slice(end) };
}
