import { decideInjection } from '../contract/agent-injection.ts';
import { causeIn } from '../contract/cause-text.ts';
import type { InferenceService } from '../contract/inference-service.ts';
import { isRecord, recordsIn } from '../lib/json.ts';
import { COMPONENT_LABEL, PREDICTOR_COMPONENT } from '../contract/names.ts';
import { isPod } from '../contract/pod.ts';
import { DEFAULT_SYSTEM_CONFIG } from '../contract/system-config.ts';
import { isFinished, watchedPod } from '../contract/watched-pod.ts';
import type { RawPod } from './facts.decide.ts';

/** Pods that serve, or will serve, models. */
export function servingPods(pods: readonly RawPod[]): readonly RawPod[] {
  return pods.filter(
    (pod) => pod.metadata.labels?.[COMPONENT_LABEL] === PREDICTOR_COMPONENT && !isFinished(watchedPod(pod)),
  );
}

type InjectionState =
  | { readonly kind: 'injected' }
  /** `message`: what the webhook would do with the pod now. */
  | { readonly kind: 'bare' | 'refused' | 'malformed'; readonly message: string };

/** Whether a pod is injected: the webhook's own decision would change nothing. */
export function injectionStateOf(
  pod: RawPod,
  inferenceService: InferenceService | undefined,
): InjectionState {
  if (!isPod(pod)) return { kind: 'malformed', message: 'the pod cannot be read' };
  const { reason, outcome, message } = decideInjection({
    ...{ pod, inferenceService, system: DEFAULT_SYSTEM_CONFIG, credentials: [] },
  });
  if (reason === 'AlreadyInjected') return { kind: 'injected' };
  return { kind: outcome === 'refuse' ? 'refused' : 'bare', message };
}

/** What prevents the containers of a pod from running, in words; undefined when they run. */
export function troubleOf(pod: RawPod): string | undefined {
  const status = isRecord(pod.status) ? pod.status : {};
  const unscheduled = recordsIn(status['conditions']).find(
    ({ type, status: held }) => type === 'PodScheduled' && held === 'False',
  );
  if (unscheduled !== undefined)
    return `has no node: ${textOf(unscheduled['message'], unscheduled['reason'])}`;
  const containers = [
    ...recordsIn(status['initContainerStatuses']),
    ...recordsIn(status['containerStatuses']),
  ];
  for (const container of containers) {
    const trouble = containerTrouble(container);
    if (trouble !== undefined) return `container ${textOf(container['name'])} ${trouble}`;
  }
  if (status['phase'] === 'Running') return undefined;
  return watchedPod(pod).scheduled ? 'is being started' : 'waits for a node';
}

/** Reasons that are part of a normal start. Source: kubernetes, pkg/kubelet/kubelet_pods.go. */
const ON_THE_WAY: ReadonlySet<unknown> = new Set(['ContainerCreating', 'PodInitializing']);

function containerTrouble({ state, lastState }: Readonly<Record<string, unknown>>): string | undefined {
  const waiting = part(state, 'waiting');
  if (waiting === undefined || ON_THE_WAY.has(waiting['reason'])) return undefined;
  const last = part(lastState, 'terminated');
  const ended = last === undefined ? '' : `; it ended with ${endOf(last)}`;
  return `waits (${textOf(waiting['reason'])}: ${textOf(waiting['message'])})${ended}`;
}

function endOf({ reason, exitCode, message }: Readonly<Record<string, unknown>>): string {
  const said = typeof message === 'string' && message !== '' ? `: ${causeIn(message, 300)}` : '';
  return `${textOf(reason)}, exit code ${String(exitCode)}${said}`;
}

/** The containers that report that they are not ready. */
export function unreadyContainers(pod: RawPod): string[] {
  const status = isRecord(pod.status) ? pod.status : {};
  return recordsIn(status['containerStatuses'])
    .filter(({ ready }) => ready !== true)
    .map(({ name }) => textOf(name));
}

function part(state: unknown, name: string): Record<string, unknown> | undefined {
  const value = isRecord(state) ? state[name] : undefined;
  return isRecord(value) ? value : undefined;
}

function textOf(...values: readonly unknown[]): string {
  return (
    values.find((value): value is string => typeof value === 'string' && value !== '') ?? 'no reason is given'
  );
}
