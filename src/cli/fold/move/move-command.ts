import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import process from 'node:process';
import type { Milliseconds } from '../../../lib/clock.ts';
import { MmsError } from '../../../lib/errors.ts';
import { SettingsError } from '../../../lib/settings-error.ts';
import { systemClock } from '../../../lib/system-clock.ts';
import { withCluster } from '../../cluster-connection.ts';
import type { ClusterConnection, ScopeFlags } from '../../cluster-connection.ts';
import type { CommandIo } from '../../io.ts';
import { table } from '../../table.ts';
import type { Tolerance } from '../compare/compare-answers.decide.ts';
import { readRequests } from '../compare/request-files.ts';
import type { Assumptions } from '../memory.decide.ts';
import { withArtifactSizes } from '../artifact-sizes.ts';
import { factsOfCluster } from '../read-facts.ts';
import type { ReadFacts } from '../read-facts.ts';
import { foldReport } from '../report.decide.ts';
import { withMoveLease } from './move-lease.ts';
import { moveWorld, readMoveObjects } from './move-world.ts';
import { planApply, planBack } from './plan-moves.decide.ts';
import { runMoves } from './run-moves.ts';
import type { MoveOutcome } from './run-moves.ts';
import type { Goal } from './steps.decide.ts';

interface MoveFlags extends ScopeFlags {
  readonly requests?: string;
  readonly skipComparing?: true;
  readonly tolerance: Tolerance;
  readonly timeout: Milliseconds;
  readonly assumed: Assumptions;
  readonly trusted: ReadonlySet<string>;
  readonly artifactSizes?: true;
  readonly serverMetrics?: true;
}

/** A flag or a name of the move is missing. */
class MoveFlagsError extends SettingsError {
  readonly code = 'MOVE_FLAGS';
}

/** Some could not be moved; the table shows which. */
class NotMovedError extends MmsError {
  readonly code = 'NOT_MOVED';
  readonly retryable = false;
}

/**
 * Moves InferenceServices to shared pods, removes their own pods, or brings them back. Prints each step, and at the end
 * the outcome of each.
 * @throws {NotMovedError} unless all were completed; AnotherMoveError, ApiError
 */
export async function moveCommand(
  io: CommandIo,
  goal: Goal,
  names: readonly string[],
  flags: MoveFlags,
): Promise<void> {
  mustBeSaid(goal, names, flags);
  const signal = io.interruption();
  const say = (line: string): void => void io.stderr.write(`${line}\n`);
  const requests =
    goal === 'apply' && flags.requests !== undefined ? await readRequests(flags.requests, io) : undefined;
  const outcomes = await withCluster(
    flags,
    (cluster) =>
      withMoveLease(
        { ...cluster, identity: identity(), clock: systemClock, signal, say },
        async (holding) => {
          const { moves, refused } = await planOf(cluster, goal, names, flags, io);
          const { tolerance, timeout } = flags;
          const world = moveWorld({ cluster, requests, tolerance, timeout, say, signal: holding });
          return [...(await runMoves(goal, moves, world)), ...refused];
        },
      ),
    (warning) => say(`warning: ${warning}`),
  );
  print(io, goal, names, outcomes);
}

function mustBeSaid(goal: Goal, names: readonly string[], flags: MoveFlags): void {
  const faults = [
    ...(names.length === 0
      ? [`--${goal} needs the names of the InferenceServices; mms fold shows which could share pods`]
      : []),
    ...(flags.allNamespaces === true ? [`--${goal} works in one namespace: leave out --all-namespaces`] : []),
    ...(goal === 'apply' && flags.requests === undefined && flags.skipComparing !== true
      ? [
          '--apply needs --requests DIRECTORY, by which the answers of both are compared; --skip-comparing goes without',
        ]
      : []),
  ];
  if (faults.length > 0) throw new MoveFlagsError(faults);
}

/** For people, in the Lease and in another run's messages. */
function identity(): string {
  return `mms-fold/${hostname()}/${process.pid}/${randomUUID().slice(0, 8)}`;
}

async function planOf(
  cluster: ClusterConnection,
  goal: Goal,
  names: readonly string[],
  { assumed, trusted, artifactSizes, serverMetrics }: MoveFlags,
  io: CommandIo,
): Promise<ReturnType<typeof planBack>> {
  const measured = async (reading: Promise<ReadFacts>): Promise<ReadFacts> =>
    artifactSizes === true ? withArtifactSizes(await reading, io) : reading;
  if (goal !== 'apply') return planBack(names, await readMoveObjects(cluster));
  const [{ facts, unmeasured }, objects] = await Promise.all([
    measured(
      factsOfCluster({ ...cluster, scope: cluster.namespace }, { askServers: serverMetrics === true }),
    ),
    readMoveObjects(cluster),
  ]);
  const prices = { cpu: undefined, memory: undefined };
  return planApply(names, facts, objects, {
    ...{ assumed, trusted },
    reportOf: (only) => foldReport(facts, { assumed, prices, trusted, only, unmeasured }),
  });
}

const ENDS: Readonly<Record<Goal, string>> = { apply: 'Moved', retire: 'Retired', undo: 'Undone' };

function print(io: CommandIo, goal: Goal, names: readonly string[], outcomes: readonly MoveOutcome[]): void {
  const byName = new Map(outcomes.map((outcome) => [outcome.name, outcome]));
  const unknown = [...new Set(names)].filter((name) => !byName.has(name));
  const rows = [
    ...[...byName.values()]
      .sort((a, b) => names.indexOf(a.name) - names.indexOf(b.name))
      .map(({ name, shared = '-', stopped }) => [
        ...[name, shared, stopped?.code ?? ENDS[goal], stopped?.message ?? ''],
      ]),
    ...unknown.map((name) => [name, '-', 'NoInferenceService', `there is no InferenceService ${name}`]),
  ];
  io.stdout.write(table(['MODEL', 'SHARED INFERENCESERVICE', 'STATE', 'BECAUSE'], rows));
  const stopped = outcomes.filter((outcome) => outcome.stopped !== undefined).map(({ name }) => name);
  const bad = [...stopped, ...unknown];
  if (bad.length === 0) return;
  throw new NotMovedError(`${bad.length} of ${rows.length} were not finished: ${bad.join(', ')}`);
}
