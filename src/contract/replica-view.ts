import type { ModelPhase } from './agent-status.ts';
import type { MonotonicMs } from '../lib/clock.ts';

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
