/** Milliseconds since the Unix epoch. */
export type EpochMs = number & { readonly __unit: 'epoch-ms' };
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
  now(): EpochMs;
  /** Resolves after the span, or at once when the signal aborts; it never rejects. */
  sleep(span: Milliseconds, signal?: AbortSignal): Promise<void>;
}

/** A number in [0, 1), as Math.random gives. */
export type Random = () => number;
