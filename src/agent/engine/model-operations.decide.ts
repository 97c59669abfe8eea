import type { EpochMs, MonotonicMs } from '../../lib/clock.ts';
import { meansSameSpec, type ModelSpec } from '../../contract/model-config.ts';

/** What the model server has under a model's name, as far as the agent knows. */
export type ServedModel =
  | { readonly kind: 'absent' }
  /** It answers, but the loaded version is not known. */
  | { readonly kind: 'unknown' }
  | { readonly kind: 'loaded'; readonly spec: ModelSpec };

/** Shared by all absent models. */
export const ABSENT: ServedModel = { kind: 'absent' };

/** Why the last attempt at a version failed, and when to try again. */
export interface ModelFailure {
  readonly spec: ModelSpec;
  readonly step: 'pull' | 'load' | 'unload';
  /** A CamelCase word, valid as a condition's reason. */
  readonly reason: string;
  readonly message: string;
  readonly retryAt: MonotonicMs;
  /** The same by the wall clock, for people. That clock may be set in the meantime. */
  readonly retryAtTime: EpochMs;
  /** The files may be bad: fetch them again before the next load. */
  readonly refetch: boolean;
  /** The model server answered and refused the model. */
  readonly refused: boolean;
  /** The model server did not answer. The failure no longer counts once it answers again. */
  readonly serverAway: boolean;
}

/**
 * Where a model should be. `memory`: loaded; the only value with residency `always`. `disk`: its version fetched, and
 * not loaded. `rest`: not loaded; files on disk stay, and nothing is fetched. `away`: neither loaded nor on disk.
 */
export type Residence = 'memory' | 'disk' | 'rest' | 'away';

/** All that is known of one model. Its next operation follows from this alone. */
export interface ModelView {
  /** The version in models.json. Undefined if the model should be removed. */
  readonly desired: ModelSpec | undefined;
  /** The complete version in `<model-dir>/<name>`. */
  readonly stored: ModelSpec | undefined;
  /** The stored version lies where the model server does not see it. */
  readonly parked: boolean;
  readonly residence: Residence;
  /** Why it is never loaded here: it alone needs more memory than all models may use. */
  readonly tooLarge?: string | undefined;
  /** A complete version in the staging directory, not yet in place. */
  readonly staged: ModelSpec | undefined;
  /** The version that was in place before the stored one, kept until the stored one has loaded. */
  readonly previous: ModelSpec | undefined;
  readonly served: ServedModel;
  /** The last failure of the desired version. */
  readonly failure: ModelFailure | undefined;
  /** The last failure of the stored version while another one is desired. */
  readonly fallbackFailure: ModelFailure | undefined;
}

interface Reasoned {
  readonly reason: string;
}
type Idle = Reasoned & { readonly kind: 'idle' };
type Wait = Reasoned & { readonly kind: 'wait'; readonly until: MonotonicMs };

/** Fetching runs beside everything else, since it touches only the staging directory. */
type FetchOperation = Idle | Wait | (Reasoned & { readonly kind: 'pull'; readonly spec: ModelSpec });

/** Operations on the files in place and on the model server: one at a time for each model. */
export type ServeOperation =
  | Idle
  | Wait
  | (Reasoned & { readonly kind: 'install'; readonly spec: ModelSpec })
  | (Reasoned & { readonly kind: 'goBack'; readonly spec: ModelSpec })
  | (Reasoned & { readonly kind: 'load'; readonly spec: ModelSpec })
  | (Reasoned & { readonly kind: 'unload' })
  /** Moves the files of a sleeping model out of the model server's sight, and back. */
  | (Reasoned & { readonly kind: 'park' })
  | (Reasoned & { readonly kind: 'unpark' })
  /** Deletes all files of a sleeping model. That its version has loaded once is remembered. */
  | (Reasoned & { readonly kind: 'evict' })
  /** Removes the files in place. Everything else of the model stays. */
  | (Reasoned & { readonly kind: 'withdraw' })
  | (Reasoned & { readonly kind: 'remove' });

/** Whether a model's files must be fetched, and why. */
export function decideFetch(view: ModelView, serverUp: boolean, now: MonotonicMs): FetchOperation {
  const { desired, failure } = view;
  if (desired === undefined) return idle('the model is not desired');
  if (isVersion(view.staged, desired)) return idle('the version is fetched, and not yet in place');
  if (view.residence === 'rest' || view.residence === 'away') return idle('no request asks for the model');
  const suspect = failureOf(view, desired)?.refetch === true;
  if (!suspect && isVersion(view.stored, desired)) return idle('the version is on disk');
  if (!suspect && isVersion(view.previous, desired)) return idle('the version is still on disk');
  if (!serverUp && failureOf(view, desired)?.refused === true) {
    return idle('the model server refused it, and is down');
  }
  const counts = failure !== undefined && failure.step !== 'unload' && isVersion(failure.spec, desired);
  if (counts && failure.retryAt > now) {
    return { kind: 'wait', until: failure.retryAt, reason: failure.message };
  }
  if (suspect) return { kind: 'pull', spec: desired, reason: 'the model server refused the files on disk' };
  const reason = view.stored === undefined ? 'the model is not on disk' : 'the disk holds another version';
  return { kind: 'pull', spec: desired, reason };
}

/** What to do with the files in place and the model server, and why. */
export function decideServe(view: ModelView, serverUp: boolean, now: MonotonicMs): ServeOperation {
  const { desired } = view;
  if (desired === undefined) return decideRemoval(view, serverUp, now);
  if (view.residence !== 'memory') return decideSleep(view, serverUp, now);
  if (view.parked && view.stored !== undefined)
    return { kind: 'unpark', reason: 'the model is going to be loaded' };
  if (isVersion(view.staged, desired)) {
    return { kind: 'install', spec: desired, reason: 'the version is fetched' };
  }
  if (isVersion(view.stored, desired)) return decideLoad(view, desired, serverUp, now);
  if (isVersion(view.previous, desired)) {
    return { kind: 'goBack', spec: desired, reason: 'the previous version is desired again' };
  }
  return decideFallback(view, serverUp, now);
}

function decideRemoval(view: ModelView, serverUp: boolean, now: MonotonicMs): ServeOperation {
  const unloading = decideUnload(view, serverUp, now, 'the model is not desired');
  if (unloading !== undefined) return unloading;
  if ([view.stored, view.staged, view.previous].some((spec) => spec !== undefined)) {
    return { kind: 'remove', reason: 'the model is not desired' };
  }
  return idle('nothing is left of the model');
}

/** Undefined if the model server does not have it. */
function decideUnload(
  { served, failure }: ModelView,
  serverUp: boolean,
  now: MonotonicMs,
  reason: string,
): ServeOperation | undefined {
  if (failure?.step === 'unload' && failure.retryAt > now) {
    return { kind: 'wait', until: failure.retryAt, reason: failure.message };
  }
  if (served.kind === 'absent') return undefined;
  return serverUp ? { kind: 'unload', reason } : idle('waiting for the model server to unload');
}

/** A fetched version stays in the staging directory until it is going to be loaded. */
function decideSleep(view: ModelView, serverUp: boolean, now: MonotonicMs): ServeOperation {
  const unloading = decideUnload(view, serverUp, now, 'the model makes room for others');
  if (unloading !== undefined) return unloading;
  if (view.residence === 'away') {
    return view.stored === undefined && view.previous === undefined
      ? idle('nothing is left on disk')
      : { kind: 'evict', reason: 'the model makes room on disk' };
  }
  if (!serverUp) return idle('the model server is down, and its handling of sleeping models is unknown');
  if (view.stored !== undefined && !view.parked) return { kind: 'park', reason: 'the model is asleep' };
  return idle('the model is asleep');
}

function decideLoad(
  view: ModelView,
  desired: ModelSpec,
  serverUp: boolean,
  now: MonotonicMs,
): ServeOperation {
  if (view.served.kind === 'loaded' && isVersion(view.served.spec, desired)) {
    return idle('the version is loaded');
  }
  const failure = failureOf(view, desired);
  if (!serverUp && failure?.refused === true) return withdrawal(view);
  if (failure?.refetch === true) return idle('the files must be fetched again first');
  if (failure !== undefined && failure.retryAt > now) {
    return { kind: 'wait', until: failure.retryAt, reason: failure.message };
  }
  if (!serverUp) return idle('waiting for the model server');
  const reason =
    view.served.kind === 'absent'
      ? 'the model server does not have it'
      : 'the model server has another version';
  return { kind: 'load', spec: desired, reason };
}

/** While the desired version is not available, the one on disk should at least answer. */
function decideFallback(view: ModelView, serverUp: boolean, now: MonotonicMs): ServeOperation {
  const { stored, fallbackFailure } = view;
  if (stored === undefined) return idle('the files are not on disk yet');
  if (view.served.kind !== 'absent') return idle('another version answers until the files are on disk');
  if (!serverUp && fallbackFailure?.refused === true && isVersion(fallbackFailure.spec, stored)) {
    return withdrawal(view);
  }
  if (!serverUp) return idle('waiting for the model server');
  if (
    fallbackFailure !== undefined &&
    isVersion(fallbackFailure.spec, stored) &&
    fallbackFailure.retryAt > now
  ) {
    return { kind: 'wait', until: fallbackFailure.retryAt, reason: fallbackFailure.message };
  }
  return { kind: 'load', spec: stored, reason: 'the previous version answers until the new one is on disk' };
}

/**
 * KServe's Python servers (`load_models` of kserve 0.17.0) load all of the model directory when they start, and
 * exit at the first failure. A model that one of them refused must not be there when the next one starts.
 */
function withdrawal({ served }: ModelView): ServeOperation {
  if (served.kind !== 'absent') return idle('the model server may have it');
  return {
    kind: 'withdraw',
    reason: 'the model server that refused it is gone, and the next one may exit because of it',
  };
}

/** The failure that counts against a version. Failures of other versions and of unloads do not count. */
function failureOf({ failure }: ModelView, spec: ModelSpec): ModelFailure | undefined {
  if (failure === undefined || failure.step === 'unload') return undefined;
  return isVersion(failure.spec, spec) ? failure : undefined;
}

function isVersion(spec: ModelSpec | undefined, wanted: ModelSpec): boolean {
  return spec !== undefined && meansSameSpec(spec, wanted);
}

function idle(reason: string): Idle {
  return { kind: 'idle', reason };
}
