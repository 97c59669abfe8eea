import { inferenceServiceOf } from '../../../contract/trained-model.ts';
import type { FoldFacts } from '../candidate.decide.ts';
import { memberNamed } from '../groups.decide.ts';
import { sharedInferenceService, trainedModelOf } from '../manifests.decide.ts';
import type { Assumptions } from '../memory.decide.ts';
import type { FoldReport } from '../report.decide.ts';
import type { MoveObjects } from './move-state.decide.ts';
import { madeFor, marked } from './move-state.decide.ts';
import type { Move, MoveOutcome } from './run-moves.ts';

interface MovePlan {
  readonly moves: readonly Move[];
  /** Those that cannot be moved. */
  readonly refused: readonly MoveOutcome[];
}

interface ApplyChoice {
  readonly assumed: Assumptions;
  readonly trusted: ReadonlySet<string>;
  /** The report for names without any objects yet. */
  readonly reportOf: (names: ReadonlySet<string>) => FoldReport;
}

/**
 * What `--apply` does with each name. An interrupted run has left objects behind: names that have a TrainedModel, or
 * for which an InferenceService was made, go to their old target; the others are grouped.
 */
export function planApply(
  names: readonly string[],
  facts: FoldFacts,
  objects: MoveObjects,
  { assumed, trusted, reportOf }: ApplyChoice,
): MovePlan {
  const moves: Move[] = [];
  const refused: MoveOutcome[] = [];
  const fresh = new Set<string>();
  for (const name of new Set(names)) {
    const model = objects.models.get(name);
    const shared = model === undefined ? madeFor(name, objects.services.values()) : inferenceServiceOf(model);
    if (shared === undefined) {
      fresh.add(name);
      continue;
    }
    const nothing = { service: undefined, model: undefined };
    const member = model === undefined ? memberNamed(facts, assumed, { trusted }, name) : undefined;
    if (member !== undefined && 'code' in member) refused.push({ name, shared, stopped: member });
    else {
      const manifest = member && marked(trainedModelOf(member, { name: shared }), [name]);
      moves.push({ ...nothing, name, shared, model: manifest });
    }
  }
  if (fresh.size === 0) return { moves, refused };
  const report = reportOf(fresh);
  for (const { name, obstacle } of report.alone) refused.push({ name, shared: undefined, stopped: obstacle });
  return { moves: [...moves, ...movesIn(report)], refused };
}

function movesIn({ groups }: FoldReport): Move[] {
  return groups.flatMap(({ group, shared }) => {
    const names = group.members.map(({ candidate }) => candidate.name);
    const service = marked(sharedInferenceService(group, shared), names);
    return group.members.map((member): Move => {
      const { name } = member.candidate;
      return { name, shared: group.name, service, model: marked(trainedModelOf(member, group), [name]) };
    });
  });
}

/** The names of `--retire` and `--undo`: those that `--apply`, or a user before it, has begun to move. */
export function planBack(names: readonly string[], { models, services }: MoveObjects): MovePlan {
  const moves: Move[] = [];
  const refused: MoveOutcome[] = [];
  for (const name of new Set(names)) {
    const model = models.get(name);
    const shared = (model && inferenceServiceOf(model)) ?? madeFor(name, services.values());
    if (shared !== undefined) moves.push({ name, shared, service: undefined, model: undefined });
    else {
      const message = 'there is no TrainedModel of its name, and --apply has made nothing for it';
      refused.push({ name, shared, stopped: { code: 'NothingMoved', message } });
    }
  }
  return { moves, refused };
}
