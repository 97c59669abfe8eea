import type { MonotonicMs, Milliseconds } from '../lib/clock.ts';
import { seconds } from '../lib/clock.ts';
import type { WaitingModel } from './model-config-plan.ts';
import type { ModelPhase } from './agent-status.ts';
import { withoutServerPrefix } from './server-answer.ts';

/** What one agent says of one model; read from a pod, which is a user's territory, and so bounded in every field. */
export interface ReplicaModel {
  readonly phase: ModelPhase['phase'];
  /** Undefined where the agent cannot say which version it is: KServe's own does not. */
  readonly specHash: string | null | undefined;
  readonly reason: string;
  readonly message: string;
}

/** What is known of a model on one predictor pod. */
export type ReplicaView =
  | { readonly kind: 'told'; readonly pod: string; readonly ready: boolean; readonly model: ReplicaModel }
  /** The agent answers and has not heard of the model. */
  | { readonly kind: 'untold'; readonly pod: string; readonly ready: boolean }
  /** Nothing has been heard since this time; what was said last, if anything. */
  | {
      readonly kind: 'silent';
      readonly pod: string;
      readonly ready: boolean;
      readonly since: MonotonicMs;
      readonly why: string;
      readonly last: ReplicaModel | undefined;
    };

/** Whether a model is where it should be, over all replicas that get requests. */
export interface ModelLoaded {
  readonly status: 'True' | 'False' | 'Unknown';
  readonly reason: string;
  readonly message: string;
  /** False while it is on its way, which may be over in a moment; such a state is not worth a write at once. */
  readonly settled: boolean;
  /** When another look is due though nothing else changes. */
  readonly lookAgainAt?: MonotonicMs;
}

/** An agent that was heard of is believed for so long after it fell silent, and a new one is given as long to answer. */
export const SILENCE_BELIEVED: Milliseconds = seconds(20);
/** Pods named in a message. */
const PODS_NAMED = 3;

/**
 * @param waiting why the model is in no models.json, if so
 * @param pods all pods that should serve the model and can be asked
 * @param expected the hash of the spec that should be loaded
 */
export function modelLoadedOf(input: {
  readonly waiting: WaitingModel | undefined;
  readonly pods: readonly ReplicaView[];
  /** Pods that have no address yet. */
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
  // Only pods that are ready get requests; one that is coming up changes nothing for anybody.
  const ready = pods.filter((pod) => pod.ready);
  const counted = ready.length > 0 ? ready : pods;
  const states = counted.map((pod) => stateOn(pod, input.expected, now));
  if (states.every(({ rank }) => rank === RANK.Loaded)) {
    return { status: 'True', reason: 'Loaded', message: 'loaded on every ready replica', settled: true };
  }
  if (states.every(({ rank }) => rank >= RANK.Standby)) {
    const message = 'has loaded on every ready replica, and does again when a request comes for it';
    return { status: 'True', reason: 'Standby', message, settled: true };
  }
  return notEverywhere(states);
}

/** The reasons of ModelLoaded with which a model answers requests, at once or when it has been loaded for them. */
const AT_HAND: ReadonlySet<string> = new Set(['Loaded', 'Standby']);

/** Whether a model whose ModelLoaded has this reason answers requests. */
export function isAtHand(reason: string | undefined): boolean {
  return AT_HAND.has(reason ?? '');
}

/** The worse the lower: the worst replica gives the reason. */
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
      const last = view.last === undefined ? QUEUED : told(view.last, expected);
      return { pod, ...last, lookAgainAt: believedUntil };
    }
    const message = `agent not reachable${view.why === '' ? '' : ` (${view.why})`}`;
    return { pod, rank: RANK.AgentNotReachable, reason: 'AgentNotReachable', message };
  }
  return { pod, ...(view.kind === 'untold' ? QUEUED : told(view.model, expected)) };
}

const QUEUED = { rank: RANK.Queued, reason: 'Queued', message: '' };

function told(model: ReplicaModel, expected: string): Omit<ReplicaState, 'pod'> {
  const { phase, specHash } = model;
  // It still speaks of another version: the ConfigMap has not reached it yet.
  if (specHash !== undefined && specHash !== expected) return QUEUED;
  switch (phase) {
    case 'Unloading':
      return QUEUED;
    // Whether its files are on disk makes a difference to nobody who asks it.
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

/** The numbers that {@link modelLoadedOf} wrote into a message; undefined for one without. The status has no field for them. */
export function replicasIn(
  message: string | undefined,
): { readonly loaded: number; readonly total: number } | undefined {
  const match = LOADED_ON.exec(message ?? '');
  return match === null ? undefined : { loaded: Number(match[1]), total: Number(match[2]) };
}

/** The message without those numbers, for where they are shown beside it. */
export function withoutReplicas(message: string): string {
  return message.replace(LOADED_ON, '');
}

/** What the first pod in it says, for where there is room for one line. */
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
