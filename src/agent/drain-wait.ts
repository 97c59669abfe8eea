import type { ServerResponse } from 'node:http';
import { finished } from 'node:stream/promises';
import { type Clock, seconds } from '../lib/clock.ts';

/**
 * The agent is told to end in the moment in which kubelet calls the hook of the model server's container. Where it is not, that
 * container alone is restarted, and is not to wait longer than this.
 */
const TOLD_WITHIN = seconds(3);

/** Keeps the model server from being ended before the agent has drained: its container's preStop hook waits for the answer. */
export interface DrainWait {
  /** The agent was told to end. */
  begin(): void;
  /** The agent needs the model server no more; resolves once all who wait have been told. */
  end(): Promise<void>;
  /** Resolves when a caller may be answered, with what there is to say; or when it has gone. */
  wait(caller: ServerResponse): Promise<string>;
}

export function createDrainWait(clock: Pick<Clock, 'sleep'>): DrainWait {
  const began = new AbortController();
  const ended = Promise.withResolvers<undefined>();
  const callers = new Set<Promise<void>>();
  return {
    begin: () => began.abort(),
    end: async () => {
      ended.resolve(undefined);
      await Promise.all(callers);
    },
    wait: async (caller) => {
      const over = finished(caller).catch(() => undefined);
      callers.add(over);
      void over.then(() => callers.delete(over));
      await Promise.race([over, clock.sleep(TOLD_WITHIN, began.signal)]);
      if (!began.signal.aborted) return 'the agent does not end';
      await Promise.race([over, ended.promise]);
      return 'the agent has drained';
    },
  };
}
