import { aborted } from '../../lib/abort.ts';
import { milliseconds } from '../../lib/clock.ts';
import { refusal } from './waiting.ts';
import type { ModelWaker, WakeOutcome } from './waker.ts';

interface StartingWaker extends ModelWaker {
  /** The agent knows its models. From now on requests wait in this waker. Undefined if none has to wait. */
  started(waker: ModelWaker | undefined): void;
}

/**
 * Holds requests until a newly started agent has read which models there are. It listens before that, and the model
 * server would answer 404 for sleeping models.
 */
export function createStartingWaker(): StartingWaker {
  const known = Promise.withResolvers<undefined>();
  let waker: ModelWaker | undefined;
  return {
    availability: (name) => waker?.availability(name) ?? { kind: 'server-away' },
    enter: (name, found) => waker?.enter(name, found) ?? (() => undefined),
    wait: async (name, signal): Promise<WakeOutcome> => {
      await Promise.race([known.promise, aborted(signal)]);
      if (signal.aborted) return refusal('Stopping', 'the client went away', milliseconds(1_000));
      // Do not wait for the model: the model server answers with whatever it has.
      if (waker === undefined) return { kind: 'removed' };
      const { kind } = waker.availability(name);
      if (kind === 'unknown') return { kind: 'removed' };
      return kind === 'loaded' ? { kind } : waker.wait(name, signal);
    },
    isEnding: () => waker?.isEnding() ?? false,
    started: (next) => {
      waker = next;
      known.resolve(undefined);
    },
  };
}
