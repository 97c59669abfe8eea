import { NO_MORE_WAITING } from '../../lib/abort.ts';
import { type Clock, milliseconds, type MonotonicMs } from '../../lib/clock.ts';

/** Calls back at the earliest of the times it was given. */
export function createAlarm(
  clock: Clock,
  stopping: AbortSignal,
  ring: () => void,
): (at: MonotonicMs) => void {
  let set: { readonly at: MonotonicMs; readonly off: AbortController } | undefined;
  return (at) => {
    if (set !== undefined && set.at <= at) return;
    set?.off.abort(NO_MORE_WAITING);
    const off = new AbortController();
    set = { at, off };
    const signal = AbortSignal.any([off.signal, stopping]);
    void clock.sleep(milliseconds(Math.max(1, Math.ceil(at - clock.monotonic()))), signal).then(() => {
      if (signal.aborted) return;
      set = undefined;
      ring();
    });
  };
}
