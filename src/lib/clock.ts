/** Milliseconds since the Unix epoch. */
export type EpochMs = number & { readonly __unit: 'epoch-ms' };
/** Milliseconds since some moment of this process's own: for spans, which no step of the wall clock may change. */
export type MonotonicMs = number & { readonly __unit: 'monotonic-ms' };
/** A span of time in milliseconds. */
export type Milliseconds = number & { readonly __unit: 'ms' };

/** Marks a number as a span in milliseconds. */
export function milliseconds(value: number): Milliseconds {
  return value as Milliseconds;
}

/** Marks a number as a span given in seconds. */
export function seconds(value: number): Milliseconds {
  return (value * 1000) as Milliseconds;
}

/** Time and dice, passed in wherever they are needed so that tests can hold them still. */
export interface Clock {
  /** The wall clock: for people, and for times that others wrote, such as the end of a certificate. It may step. */
  now(): EpochMs;
  /** Never steps: for everything that lasts, or is due after a span. */
  monotonic(): MonotonicMs;
  /** Resolves after the span, or at once when the signal aborts; it never rejects. */
  sleep(span: Milliseconds, signal?: AbortSignal): Promise<void>;
}

/** A number in [0, 1), as Math.random gives. */
export type Random = () => number;
