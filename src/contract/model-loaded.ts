import type { MonotonicMs, Milliseconds } from '../lib/clock.ts';
import { seconds } from '../lib/clock.ts';
import type { WaitingModel } from './model-config-plan.ts';
import type { ModelPhase } from './agent-status.ts';
import { withoutServerPrefix } from './server-answer.ts';

/** One agent's report on one model. It comes from a pod, which a user controls, so every field is bounded. */
export interface ReplicaModel {
  readonly phase: ModelPhase['phase'];
  /** Undefined when the agent does not report its version, as KServe's own does not. */
  readonly specHash: string | null | undefined;
  readonly reason: string;
  readonly message: string;
}

/** The state of a model on one predictor pod. */
export type ReplicaView =
  | { readonly kind: 'reported'; readonly pod: string; readonly ready: boolean; readonly model: ReplicaModel }
  /** The agent answers but does not report the model. */
  | { readonly kind: 'unreported'; readonly pod: string; readonly ready: boolean }
  /** No report since this time; the last report, if any. */
  | {
      readonly kind: 'silent';
      readonly pod: string;
      readonly ready: boolean;
      readonly since: MonotonicMs;
      readonly why: string;
      readonly last: ReplicaModel | undefined;
    };

/** Whether a model is loaded, over all replicas that get requests. */
export interface ModelLoaded {
  readonly status: 'True' | 'False' | 'Unknown';
  readonly reason: string;
  readonly message: string;
  /** False while a change is in progress and may end in a moment; such a state is not written at once. */
  readonly settled: boolean;
  /** When to check again even if nothing changes. */
  readonly lookAgainAt?: MonotonicMs;
}

/** A report is believed for this long after the agent falls silent, and a new agent has this long to answer. */
export const SILENCE_BELIEVED: Milliseconds = seconds(20);
/** Pods named in a message. */
const PODS_NAMED = 3;

/**
 * @param waiting why the model is in no models.json, if so
 * @param pods all reachable pods that should serve the model
 * @param expected the hash of the spec that should be loaded
 */
export function modelLoadedOf(input: {
  readonly waiting: WaitingModel | undefined;
  readonly pods: readonly ReplicaView[];
  /** Pods without an address. */
  readonly starting: number;
  readonly expected: string;
  readonly now: MonotonicMs;
}): ModelLoaded {
  const { waiting, pods, starting, now } = input;
  if (waiting !== undefined) {
    return { status: 'False', reason: waiting.reason, message: waiting.message, settled: true };
  }
  if (pods.length === 0) {
    const message = starting === 0 ? 'no predictor pod runs' : startingMessage(starting);
    return { status: 'False', reason: 'NoReplicas', message, settled: starting === 0 };
  }
  // Only ready pods get requests, so a pod that is starting changes nothing for clients.
  const ready = pods.filter((pod) => pod.ready);
  const counted = ready.length > 0 ? ready : pods;
  const states = counted.map((pod) => stateOn(pod, input.expected, now));
  if (states.every(({ rank }) => rank === RANK.Loaded)) {
    return { status: 'True', reason: 'Loaded', message: 'loaded on every ready replica', settled: true };
  }
  if (states.every(({ rank }) => rank >= RANK.Standby)) {
    const message = 'has loaded on every ready replica, and is loaded again on request';
    return { status: 'True', reason: 'Standby', message, settled: true };
  }
  return notEverywhere(states);
}

/** The reasons of ModelLoaded with which a model answers requests, at once or after it is loaded for them. */
const ANSWERING: ReadonlySet<string> = new Set(['Loaded', 'Standby']);

/** Whether a model whose ModelLoaded has this reason answers requests. */
export function isAtHand(reason: string | undefined): boolean {
  return ANSWERING.has(reason ?? '');
}

/** Lower is worse: the worst replica gives the reason. */
const RANK = {
  ...{ Failed: 0, AgentNotReachable: 1, Queued: 2, Downloading: 3, Loading: 4 },
  ...{ Standby: 5, Loaded: 6 },
} as const;

interface ReplicaState {
  readonly pod: string;
  readonly rank: number;
  readonly reason: string;
  readonly message: string;
  readonly lookAgainAt?: MonotonicMs;
}

function stateOn(view: ReplicaView, expected: string, now: MonotonicMs): ReplicaState {
  const { pod } = view;
  if (view.kind === 'silent') {
    const believedUntil = (view.since + SILENCE_BELIEVED) as MonotonicMs;
    if (now < believedUntil) {
      const last = view.last === undefined ? QUEUED : reportedState(view.last, expected);
      return { pod, ...last, lookAgainAt: believedUntil };
    }
    const message = `agent not reachable${view.why === '' ? '' : ` (${view.why})`}`;
    return { pod, rank: RANK.AgentNotReachable, reason: 'AgentNotReachable', message };
  }
  return { pod, ...(view.kind === 'unreported' ? QUEUED : reportedState(view.model, expected)) };
}

const QUEUED = { rank: RANK.Queued, reason: 'Queued', message: '' };

function reportedState(model: ReplicaModel, expected: string): Omit<ReplicaState, 'pod'> {
  const { phase, specHash } = model;
  // It still reports another version: the ConfigMap has not reached it yet.
  if (specHash !== undefined && specHash !== expected) return QUEUED;
  switch (phase) {
    case 'Unloading':
      return QUEUED;
    // Whether its files are on disk makes no difference to clients.
    case 'Remote':
      return { rank: RANK.Standby, reason: 'Standby', message: '' };
    case 'Failed':
      return {
        rank: RANK.Failed,
        reason: 'Failed',
        message: [model.reason || 'failed', model.message].filter((text) => text !== '').join(': '),
      };
    default:
      return { rank: RANK[phase], reason: phase, message: '' };
  }
}

function notEverywhere(states: readonly ReplicaState[]): ModelLoaded {
  const loaded = states.filter(({ rank }) => rank >= RANK.Standby).length;
  const worst = states.reduce((a, b) => (b.rank < a.rank ? b : a));
  const troubled = states.filter(({ message }) => message !== '');
  const named = troubled.slice(0, PODS_NAMED).map(({ pod, message }) => `pod ${pod}: ${message}`);
  const more = troubled.length > PODS_NAMED ? [`and ${troubled.length - PODS_NAMED} more`] : [];
  const times = states.flatMap(({ lookAgainAt }) => lookAgainAt ?? []);
  return {
    status: worst.rank === RANK.AgentNotReachable ? 'Unknown' : 'False',
    reason: worst.reason,
    message: [loadedOn(loaded, states.length), ...named, ...more].join('; '),
    settled: worst.rank <= RANK.AgentNotReachable,
    ...(times.length > 0 && { lookAgainAt: Math.min(...times) as MonotonicMs }),
  };
}

function loadedOn(loaded: number, total: number): string {
  return `loaded on ${loaded} of ${total} replicas`;
}

const LOADED_ON = /^loaded on (\d+) of (\d+) replicas(?:; )?/;

/**
 * The numbers of replicas in a message of {@link modelLoadedOf}; undefined for a message without. The status has no
 * field for them.
 */
export function replicasIn(
  message: string | undefined,
): { readonly loaded: number; readonly total: number } | undefined {
  const match = LOADED_ON.exec(message ?? '');
  return match === null ? undefined : { loaded: Number(match[1]), total: Number(match[2]) };
}

/** The message without those numbers, for output that shows them beside it. */
export function withoutReplicas(message: string): string {
  return message.replace(LOADED_ON, '');
}

/** The message of the first pod, for output with room for one line. */
export function briefly(message: string): string {
  const pods = withoutReplicas(message);
  const [, reason = '', said = ''] = /^pod [^\s:]+: (\w+: )?(.*)$/s.exec(pods) ?? [];
  if (said === '') return pods;
  const [first = ''] = said.split(/; (?=pod [^\s:]+: |and \d+ more$)/);
  return `${reason}${withoutServerPrefix(first)}`;
}

function startingMessage(pods: number): string {
  return pods === 1
    ? '1 predictor pod is starting and does not run yet'
    : `${pods} predictor pods are starting, none runs yet`;
}
