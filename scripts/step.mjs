/** `node scripts/step.mjs <name> <command> …`: runs a step of `.ci/run` with signs of life, and says how long it took. */
import { run, runMain, say } from './run.mjs';
import { withSigns } from './progress.mjs';

await runMain(async () => {
  const [name, command, ...args] = process.argv.slice(2);
  const started = performance.now();
  const code = await withSigns(name, () => run(command, args));
  say(`${name} took ${Math.round((performance.now() - started) / 1000)} s`);
  return code;
});
