import { payloadAnnotations } from '../contract/payload-spec.ts';
import { agentContainerIn } from '../contract/watched-pod.ts';
import { isRecord, recordOf } from '../lib/json.ts';
import { valueOf } from '../lib/lookup.ts';
import { broken, ok, type Step, unknown, type StepResult } from './chain.decide.ts';
import type { PredictorFacts, RawPod } from './facts.decide.ts';
import { servingPods } from './pod-state.decide.ts';

/** The flags that show that an agent was started with a part. */
const FLAGS = [
  ['logger', '--log-url'],
  ['batcher', '--enable-batcher'],
] as const;

/** Checks for an InferenceService with a logger or a batcher; none for any other. */
export function payloadSteps(facts: PredictorFacts): Step[] {
  const predictor = valueOf(facts.inferenceService)?.spec?.predictor;
  if (!isRecord(predictor)) return [];
  const asked = FLAGS.filter(([part]) => isRecord(predictor[part]));
  if (asked.length === 0) return [];
  const what = asked.map(([part]) => part).join(' and ');
  const { faults } = payloadAnnotations(predictor);
  const understood = (): StepResult =>
    faults.length === 0
      ? ok(`an agent starts with its ${what}`)
      : broken(faults.map(({ path, message }) => `${path.join('.')} ${message}`).join('; '));
  return [
    ['payload-understood', understood],
    ['payload-in-pods', () => checkInPods(facts, asked, what)],
  ];
}

function checkInPods(
  { pods }: PredictorFacts,
  asked: readonly (typeof FLAGS)[number][],
  what: string,
): StepResult {
  if (pods.kind === 'unreadable') return unknown(`pods cannot be read: ${pods.why}`);
  const called = servingPods(pods.value).flatMap((pod) => {
    const args = agentArgs(pod);
    return args === undefined ? [] : [{ name: pod.metadata.name, args }];
  });
  if (called.length === 0) return unknown('no pod has an agent');
  for (const [part, flag] of asked) {
    const without = called.find(({ args }) => !args.includes(flag));
    if (without !== undefined)
      return broken(`the agent of pod ${without.name} was started without the ${part}`);
  }
  return ok(`the agents of its pods were started with the ${what}`);
}

/** The agent's arguments in a pod; undefined for a pod without one. */
function agentArgs({ spec }: RawPod): readonly unknown[] | undefined {
  const agent = agentContainerIn(recordOf(spec));
  if (agent === undefined) return undefined;
  const { args } = agent;
  return Array.isArray(args) ? args : [];
}
