/** `npm run bench`: runs the parts, prints the tables, and writes them to bench/results. */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { kservePrograms } from '../test/support/kserve-programs.ts';
import { type Part, PartSkippedError, type Recorded } from './bench-run.ts';
import { machineFacts } from './machine.ts';
import { readOptions } from './options.ts';
import { admission } from './parts/admission.ts';
import { agent } from './parts/agent.ts';
import { burst } from './parts/burst.ts';
import { dataPath } from './parts/data-path.ts';
import { firstPrediction } from './parts/first-prediction.ts';
import { footprint } from './parts/footprint.ts';
import { logger } from './parts/logger.ts';
import { onDemand } from './parts/on-demand.ts';
import { scale } from './parts/scale.ts';
import { GUARD, SHORT, WHOLE } from './plan.ts';
import { BOUND_COUNT, losses } from './report/guard.ts';
import { placesOf } from './report/places.ts';
import { collectFigures, decodeResults, encodeResults, mergeResults } from './report/results.ts';
import type { PartName, PartRun, Results } from './report/results.ts';
import { plotOf } from './report/svg.ts';
import { figureTable, targetTable } from './report/table.ts';
import { judgeTargets } from './report/targets.ts';

const PARTS: Readonly<Record<PartName, Part>> = {
  ...{ admission, burst, agent, 'data-path': dataPath, logger, 'on-demand': onDemand },
  ...{ 'first-prediction': firstPrediction, footprint, scale },
};
const PLANS = { whole: WHOLE, short: SHORT, guard: GUARD };
/** In the format of jest's results, for the summary of a check. */
const GUARD_RESULTS = new URL('../test-results/guard.json', import.meta.url);
const RESULTS = new URL('results/', import.meta.url);

const say = (line: string): void => void process.stderr.write(`${line}\n`);
const options = readOptions(process.argv.slice(2));
const machine = await machineFacts();
// A node runs our programs only.
if (options.parts.some((part) => part !== 'first-prediction')) await kservePrograms();

const recorded: Recorded[] = [];
const runs: PartRun[] = [];
/** A sentence each. */
const skipped: string[] = [];
for (const part of options.parts) {
  say(`\n=== ${part}`);
  const startedAt = new Date();
  if (!(await ranPart(part))) continue;
  const minutes = (Date.now() - startedAt.getTime()) / 60_000;
  runs.push({ part, plan: options.plan, startedAt: startedAt.toISOString(), minutes });
  say(`${part} took ${minutes.toFixed(1)} minutes`);
  await keep();
}
await conclude({ machine, runs, figures: collectFigures(recorded) });

/** False when this machine cannot run the part. */
async function ranPart(part: PartName): Promise<boolean> {
  try {
    await PARTS[part]({
      plan: PLANS[options.plan],
      record: (contender, sample) => recorded.push({ part, contender, sample }),
      say,
    });
    return true;
  } catch (thrown) {
    if (!(thrown instanceof PartSkippedError)) throw thrown;
    skipped.push(`${part} was skipped: ${thrown.message}`);
    say(skipped.at(-1) ?? '');
    return false;
  }
}

/** Written after each part, so that an interrupted run keeps its results. */
async function keep(): Promise<void> {
  if (options.plan === 'guard') return;
  const earlier = await readFile(new URL('latest.json', RESULTS), 'utf8').then(
    decodeResults,
    () => undefined,
  );
  const results = mergeResults(earlier, { machine, runs, figures: collectFigures(recorded) });
  await mkdir(RESULTS, { recursive: true });
  await writeFile(new URL('latest.json', RESULTS), encodeResults(results));
  await writeFile(new URL('latest.svg', RESULTS), plotOf(results));
  await writeFile(new URL('latest.md', RESULTS), `${tablesOf(results)}\n`);
}

function tablesOf(results: Results): string {
  const facts = (all: object): string =>
    Object.entries(all)
      .map(([name, value]) => `${name}: ${value}`)
      .join(', ');
  const elsewhere = placesOf({ ...results, runs: results.runs.filter(({ on }) => on !== undefined) });
  const machines = [
    facts(results.machine),
    ...elsewhere.map(({ parts, hardware }) => `${parts.join(', ')}: on ${facts(hardware)}`),
  ].join('\n\n');
  return [machines, figureTable(results), targetTable(judgeTargets(results))].join('\n\n');
}

async function conclude(results: Results): Promise<void> {
  process.stdout.write(`\n${tablesOf(results)}\n`);
  // Again, below the long tables.
  for (const line of skipped) say(line);
  const lost = options.plan === 'guard' ? await guard(results) : [];
  await new Promise((resolve) => process.stdout.write('', resolve));
  // A run that measured nothing is no success.
  process.exit(lost.length === 0 && runs.length > 0 ? 0 : 1);
}

async function guard(results: Results): Promise<string[]> {
  const lost = losses(results);
  for (const loss of lost) say(`lost: ${loss}`);
  const [numFailedTests, success] = [lost.length, lost.length === 0];
  const outcome = { success, numPassedTests: BOUND_COUNT - numFailedTests, numFailedTests };
  await writeFile(GUARD_RESULTS, JSON.stringify(outcome));
  return lost;
}
