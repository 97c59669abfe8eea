import type { ModelPhase } from '../../contract/agent-status.ts';
import { type ModelActivity, phaseOf } from './model-phase.decide.ts';
import type { EpochMs, Milliseconds, MonotonicMs } from '../../lib/clock.ts';
import { meansSameSpec, type ModelSpec } from '../../contract/model-config.ts';
import {
  ABSENT,
  type ModelFailure,
  type ModelView,
  type Residence,
  type ServedModel,
} from './model-operations.decide.ts';
import { specHash } from '../../contract/model-marker.ts';
import type { StoredModel } from '../model-store.ts';

/** A fetch that is running or waiting for its slot. */
export interface FetchRun {
  readonly spec: ModelSpec;
  readonly abort: AbortController;
  state: 'queued' | 'running';
  bytes: number;
}

/** The engine's record of one model. Only the engine and its two lanes write it. */
export interface TrackedModel {
  readonly name: string;
  desired: ModelSpec | undefined;
  stored: ModelSpec | undefined;
  staged: { readonly spec: ModelSpec; readonly path: string } | undefined;
  previous: ModelSpec | undefined;
  /** See {@link ModelView}. */
  parked: boolean;
  residence: Residence;
  tooLarge: string | undefined;
  served: ServedModel;
  /** Counts changes of `served`, so that an index requested earlier does not overwrite later facts. */
  servedRevision: number;
  /** The hash of the version last seen loaded, unless other files were put in place since. */
  loadedHash: string | undefined;
  failure: ModelFailure | undefined;
  fallbackFailure: ModelFailure | undefined;
  /** Attempts at the desired version, and how many of its loads were refused. */
  attempts: number;
  refusals: number;
  fetch: FetchRun | undefined;
  serve: 'none' | 'queued' | 'running';
  /** Resolves once the version in place is committed, with the error if it failed. Undefined if committing is done. */
  committing: Promise<unknown> | undefined;
  /** An unload was sent and is not answered yet. */
  unloading: boolean;
  /** A load was sent and is not answered yet. */
  loading: boolean;
  wake: { readonly at: MonotonicMs; readonly abort: AbortController } | undefined;
  wantedAt: EpochMs;
  bytes: number;
  times: { queued?: Milliseconds; download?: Milliseconds; load?: Milliseconds };
  phase: ModelPhase;
  since: EpochMs;
}

/** A record for a model that is desired, or that a restarted agent found. */
export function newTrackedModel(name: string, found: StoredModel | undefined, now: EpochMs): TrackedModel {
  return {
    name,
    desired: undefined,
    stored: found?.stored,
    staged: undefined,
    previous: found?.previous,
    parked: found?.parked ?? false,
    residence: 'memory',
    tooLarge: undefined,
    // What a restarted agent finds may still be loaded, unless it is asleep. Only the model server knows.
    served: found === undefined || found.parked ? ABSENT : { kind: 'unknown' },
    servedRevision: 0,
    loadedHash: found?.loadedHash,
    failure: undefined,
    fallbackFailure: undefined,
    attempts: 0,
    refusals: 0,
    fetch: undefined,
    serve: 'none',
    committing: undefined,
    unloading: false,
    loading: false,
    wake: undefined,
    wantedAt: now,
    bytes: 0,
    times: {},
    phase: { phase: 'Queued' },
    since: now,
  };
}

/** A record for a model with nothing on disk. An earlier agent may still have loaded it once. */
export function unseenModel(name: string, loadedHash: string | undefined, now: EpochMs): TrackedModel {
  return { ...newTrackedModel(name, undefined, now), loadedHash };
}

export function viewOf(model: TrackedModel): ModelView {
  return { ...model, staged: model.staged?.spec };
}

function activityOf(model: TrackedModel): ModelActivity {
  return {
    fetch: model.fetch?.state ?? 'none',
    bytes: model.fetch?.bytes ?? 0,
    serve: model.serve,
    proved: model.loadedHash,
  };
}

/** Sets what the model server is known to have. */
export function setServed(model: TrackedModel, served: ServedModel): void {
  model.served = served;
  model.servedRevision += 1;
  if (served.kind === 'loaded') model.loadedHash = specHash(served.spec);
}

/** Sets the desired version and returns whether it changed. A different version starts with a clean record. */
export function setDesired(model: TrackedModel, desired: ModelSpec | undefined, now: EpochMs): boolean {
  const before = model.desired;
  model.desired = desired;
  if (before !== undefined && desired !== undefined && meansSameSpec(before, desired)) return false;
  model.failure = undefined;
  model.fallbackFailure = undefined;
  model.attempts = 0;
  model.refusals = 0;
  model.wantedAt = now;
  return true;
}

/** Recomputes the phase. True if it changed; a growing number of bytes is not a change. */
export function refreshPhase(model: TrackedModel, now: EpochMs): boolean {
  const phase = phaseOf(viewOf(model), activityOf(model));
  const changed = phase.phase !== model.phase.phase;
  model.phase = phase;
  if (changed) model.since = now;
  return changed;
}
