import { AGENT_PORT, AGENT_PORT_NAME } from '../contract/names.ts';
import type { KubernetesObject } from '../contract/kubernetes.ts';
import { makeWakingService } from '../contract/residency-arguments.ts';
import { readResidency } from '../contract/residency.ts';
import { recordsIn, recordOf } from '../lib/json.ts';
import { valueOf } from '../lib/lookup.ts';
import { broken, ok, type Step, unknown, type StepResult } from './chain.decide.ts';
import type { PredictorFacts } from './facts.decide.ts';

/** Checks for an InferenceService with residency annotations; none for any other. */
export function residencySteps(facts: PredictorFacts): Step[] {
  const service = valueOf(facts.inferenceService);
  if (service === undefined) return [];
  const { kind, doubts } = readResidency(service.metadata.annotations);
  if (kind === 'always' && doubts.length === 0) return [];
  const understood = (): StepResult =>
    doubts.length === 0
      ? ok('its models sleep while they get no requests')
      : broken(doubts.map(({ message }) => message).join('; '));
  return [
    ['residency-understood', understood],
    ...(kind === 'on-demand' ? [['service-wakes', () => checkWakes(facts)] as const satisfies Step] : []),
  ];
}

/**
 * In KServe's Standard mode port 80 leads to the model server, unless it has a logger or batcher. Knative's pods and
 * those of this project's own predictors are reached through the agent.
 */
function checkWakes({ service, wakingService, inferenceService }: PredictorFacts): StepResult {
  const object = valueOf(service);
  if (object === undefined) return unknown('the Service of the predictor is not known');
  const result = judgeService(object);
  const waking = valueOf(wakingService);
  if (result.outcome !== 'broken' || waking === undefined) return adviseService(result, inferenceService);
  const other = judgeService(waking);
  return other.outcome === 'ok' ? ok(`${result.message}; ${other.message}`) : other;
}

function adviseService(result: StepResult, service: PredictorFacts['inferenceService']): StepResult {
  const { name, namespace = 'default' } = valueOf(service)?.metadata ?? { name: '' };
  if (result.outcome !== 'broken') return result;
  return broken(result.message, `make a Service that leads to it: ${makeWakingService(namespace, name)}`);
}

function judgeService(object: KubernetesObject): StepResult {
  const { name } = object.metadata;
  const { type, ports } = recordOf((object as { spec?: unknown }).spec);
  if (type === 'ExternalName') return ok(`Service ${name} is Knative's, whose requests pass the agent`);
  const [first = {}] = recordsIn(ports);
  const target = first['targetPort'] ?? first['port'];
  if (typeof target !== 'number' && typeof target !== 'string') return unknown(`Service ${name} has no port`);
  return target === AGENT_PORT || target === AGENT_PORT_NAME
    ? ok(`Service ${name} targets the agent`)
    : broken(
        `Service ${name} targets port ${target} and bypasses the agent: its requests do not wake models`,
      );
}
