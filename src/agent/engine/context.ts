import type { Residence } from './model-operations.decide.ts';
import type { Clock, Milliseconds, Random } from '../../lib/clock.ts';
import type { Logger } from '../../lib/log.ts';
import type { ModelServerAdapter } from '../model-server/adapter.ts';
import type { ModelStore } from '../model-store.ts';
import type { Puller } from '../puller/contract.ts';
import type { Slots } from '../slots.ts';
import type { TrackedModel } from './tracked-model.ts';

/** How many fetches and loads run at once. For when one counts as slow, see src/agent/slot-admission.decide.ts. */
interface EngineLimits {
  readonly fetches: number;
  readonly loads: number;
  /** A fetch or load that takes longer no longer holds up the next. */
  readonly slowAfter: Milliseconds;
}

/** What the engine reports to status, metrics and readiness. */
export interface EngineObserver {
  readonly changed: (model: Readonly<TrackedModel>) => void;
  readonly forgotten: (name: string) => void;
  /** A step ended: `outcome` is `ok` or the reason of the failure. */
  readonly stepped: (
    step: 'queued' | 'download' | 'load' | 'unload',
    took: Milliseconds,
    outcome: string,
  ) => void;
}

/** Decides where models should be. With residency `always`, all of them in memory. */
export interface ResidenceControl {
  readonly of: (name: string) => Residence;
  /** Why a model is never loaded here. Undefined if it is loaded when there is room. */
  readonly tooLarge: (name: string) => string | undefined;
  /** Called just before an unload that makes room. */
  readonly mayUnload: (name: string) => boolean;
  /** The state of a model has changed. */
  readonly observed: (model: Readonly<TrackedModel>) => void;
  readonly forgotten: (name: string) => void;
  readonly serverUp: (loadsAllAtStart: boolean) => void;
  /** Called with the models that were loading when the server ended. */
  readonly serverGone: (loading: readonly string[]) => void;
  /** A process of the server was ended while it loaded a model; true: room is made, and the model is tried again. */
  readonly killedLoading: (name: string) => boolean;
}

export interface EngineDeps {
  readonly store: ModelStore;
  readonly adapter: ModelServerAdapter;
  readonly puller: Puller;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly observer: EngineObserver;
  readonly limits: EngineLimits;
  readonly residence: ResidenceControl;
}

/** What the two lanes share. */
export interface EngineContext extends EngineDeps {
  readonly fetchSlots: Slots;
  readonly loadSlots: Slots;
  readonly stopping: AbortSignal;
  readonly serverUp: () => boolean;
  /** The server's port refuses connections: nothing is loaded any more. */
  readonly serverGone: () => void;
  /** Runs the decision for one model again. */
  readonly reconcileModel: (model: TrackedModel) => void;
}
