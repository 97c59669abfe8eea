/**
 * `npm run soak`: the long form of the tests that have one, one after the other, so that none disturbs the figures of another;
 * the last are on a real node. `--hours 8` repeats all of it, with another seed for the fuzzers each time, until eight hours
 * have gone by. It ends with the first round that fails.
 */
import { join } from 'node:path';
import { root, run, runMain, say, SetupError } from './run.mjs';
import { soakFiles, tierEnvironment } from './tiers.mjs';

await runMain(async () => {
  const until = performance.now() + hours(process.argv.slice(2)) * 3_600_000;
  const first = Number(process.env.FUZZ_SEED ?? 1);
  for (let seed = first; ; seed += 1) {
    say(`\n=== soak, with seed ${seed}`);
    const code = await round(String(seed));
    if (code !== 0) return code;
    if (performance.now() >= until) return 0;
  }
});

async function round(seed) {
  const { tests, e2e } = soakFiles();
  const env = { ...tierEnvironment('soak'), FUZZ_SEED: seed };
  const script = (name, ...args) => run(process.execPath, [join(root, 'scripts', name), ...args], { env });
  const code = await script('test.mjs', '--soak', '--maxWorkers=1', '--runTestsByPath', ...tests);
  return code === 0 ? script('e2e.mjs', '--runTestsByPath', ...e2e) : code;
}

function hours(args) {
  if (args.length === 0) return 0;
  const [name, value] = args.flatMap((arg) => arg.split('='));
  const number = Number(value);
  if (name === '--hours' && number > 0) return number;
  throw new SetupError('usage: npm run soak [-- --hours <number>]');
}
