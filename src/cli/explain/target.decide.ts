/** What can be explained. */
export type TargetKind = 'TrainedModel' | 'Pod' | 'InferenceService';

/** Names of the kinds as people write them before the slash; kubectl's, and ours. */
export const KIND_WORDS: ReadonlyMap<string, TargetKind> = new Map<string, TargetKind>([
  ...['trainedmodel', 'trainedmodels', 'tm', 'model'].map((word) => [word, 'TrainedModel'] as const),
  ...['pod', 'pods', 'po'].map((word) => [word, 'Pod'] as const),
  ...['inferenceservice', 'inferenceservices', 'isvc'].map((word) => [word, 'InferenceService'] as const),
]);

/** What a word of a command line names: of a kind, or of whichever has it. */
export interface Target {
  readonly kind: TargetKind | undefined;
  readonly name: string;
}

/** Behind a kind in the names that `kubectl get -o name` prints. */
const GROUP = /\.serving\.kserve\.io$/;

/** Undefined when the kind is none of ours. */
export function readTarget(word: string): Target | undefined {
  const slash = word.indexOf('/');
  if (slash < 0) return word === '' ? undefined : { kind: undefined, name: word };
  const kind = KIND_WORDS.get(word.slice(0, slash).toLowerCase().replace(GROUP, ''));
  const name = word.slice(slash + 1);
  return kind === undefined || name === '' || name.includes('/') ? undefined : { kind, name };
}
