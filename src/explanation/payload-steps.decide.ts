import { payloadAnnotations } from '../contract/payload-spec.ts';
import { agentContainerIn } from '../contract/watched-pod.ts';
import { isRecord, recordOf } from '../lib/json.ts';
import { valueOf } from '../lib/lookup.ts';
import { broken, ok, type Step, unknown, type Verdict } from './chain.decide.ts';
import type { PredictorFacts, RawPod } from './facts.decide.ts';
import { servingPods } from './pod-state.decide.ts';

/** By which flag it is seen that an agent was asked for a part. */
const FLAGS = [
  ['logger', '--log-url'],
  ['batcher', '--enable-batcher'],
] as const;

/** What is asked of an InferenceService that has a logger or a batcher; nothing of any other. */
export function payloadSteps(facts: PredictorFacts): Step[] {
  const predictor = valueOf(facts.inferenceService)?.spec?.predictor;
  if (!isRecord(predictor)) return [];
  const asked = FLAGS.filter(([part]) => isRecord(predictor[part]));
  if (asked.length === 0) return [];
  const what = asked.map(([part]) => part).join(' and ');
  const { faults } = payloadAnnotations(predictor);
  const understood = (): Verdict =>
    faults.length === 0
      ? ok(`an agent starts with its ${what}`)
      : broken(faults.map(({ path, message }) => `${path.join('.')} ${message}`).join('; '));
  return [
    ['payload-understood', understood],
    ['payload-in-pods', () => judgeInPods(facts, asked, what)],
  ];
}

function judgeInPods(
  { pods }: PredictorFacts,
  asked: readonly (typeof FLAGS)[number][],
  what: string,
): Verdict {
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

/** What the agent of a pod is called with; undefined for a pod without one. */
function agentArgs({ spec }: RawPod): readonly unknown[] | undefined {
  const agent = agentContainerIn(recordOf(spec));
  if (agent === undefined) return undefined;
  const { args } = agent;
  return Array.isArray(args) ? args : [];
}
