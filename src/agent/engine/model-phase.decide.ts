import type { ModelPhase } from '../../contract/agent-status.ts';
import { meansSameSpec } from '../../contract/model-config.ts';
import { specHash } from '../../contract/model-marker.ts';
import type { ModelView } from './model-operations.decide.ts';

/** What the agent is doing for a model now. */
export interface ModelActivity {
  readonly fetch: 'none' | 'queued' | 'running';
  /** Bytes on disk of the running fetch. */
  readonly bytes: number;
  readonly serve: 'none' | 'queued' | 'running';
  /** The hash of the version that was loaded once. */
  readonly proved: string | undefined;
}

/** Shared by all models in these phases: an agent may have 10,000. */
const QUEUED = { phase: 'Queued' } as const;
const LOADING = { phase: 'Loading' } as const;
const LOADED = { phase: 'Loaded' } as const;
const STANDBY = { phase: 'Standby' } as const;
const REMOTE = { phase: 'Remote' } as const;

/** The phase that follows from a model's state and its running operations. */
export function phaseOf(view: ModelView, activity: ModelActivity): ModelPhase {
  const { desired, served, failure } = view;
  if (desired === undefined) return { phase: 'Unloading' };
  if (served.kind === 'loaded' && meansSameSpec(served.spec, desired)) return LOADED;
  if (activity.fetch === 'running') return { phase: 'Downloading', bytes: activity.bytes };
  const onDisk = [view.stored, view.staged].some(
    (spec) => spec !== undefined && meansSameSpec(spec, desired),
  );
  if (activity.serve === 'running' && onDisk) return LOADING;
  if (failure !== undefined && failure.step !== 'unload' && meansSameSpec(failure.spec, desired)) {
    const { reason, message, retryAtTime } = failure;
    return { phase: 'Failed', reason, message, retryAt: retryAtTime };
  }
  if (view.tooLarge !== undefined) {
    return { phase: 'Failed', reason: 'ModelTooLarge', message: view.tooLarge, retryAt: undefined };
  }
  if (view.residence === 'memory') return onDisk ? LOADING : QUEUED;
  if (activity.proved !== specHash(desired)) return QUEUED;
  return onDisk ? STANDBY : REMOTE;
}

/** The hash of the version that answers now, if known. */
export function servingHash(view: ModelView): string | null {
  return view.served.kind === 'loaded' ? specHash(view.served.spec) : null;
}
