/** Milliseconds since the Unix epoch. */
export type EpochMs = number & { readonly __unit: 'epoch-ms' };
/** Milliseconds since some moment of this process: for durations, which no step of the wall clock may change. */
export type MonotonicMs = number & { readonly __unit: 'monotonic-ms' };
/** A duration in milliseconds. */
export type Milliseconds = number & { readonly __unit: 'ms' };

/** Marks a number as a duration in milliseconds. */
export function milliseconds(value: number): Milliseconds {
  return value as Milliseconds;
}

/** Marks a number as a duration in seconds. */
export function seconds(value: number): Milliseconds {
  return (value * 1000) as Milliseconds;
}

/** Time and randomness, passed in wherever they are needed so that tests can control them. */
export interface Clock {
  /** The wall clock: for people, and for times from elsewhere, such as the expiry of a certificate. It may be set. */
  now(): EpochMs;
  /** Never set back or forward: for durations and for what is due after one. */
  monotonic(): MonotonicMs;
  /** Resolves after the duration, or at once when the signal aborts. Never rejects. */
  sleep(span: Milliseconds, signal?: AbortSignal): Promise<void>;
}

/** A number in [0, 1), as Math.random gives. */
export type Random = () => number;
