import type { ServerResponse } from 'node:http';
import { finished } from 'node:stream/promises';
import { type Clock, seconds } from '../lib/clock.ts';

/**
 * Kubelet ends the agent at the same moment as it calls the hook of the model server's container. If the agent is not
 * ended, only that container is being restarted, and must not wait longer than this.
 */
const BEGINS_WITHIN = seconds(3);

/** Keeps the model server running until the agent has drained: its container's preStop hook waits for the answer. */
export interface DrainWait {
  /** The agent has begun to shut down. */
  begin(): void;
  /** The agent no longer needs the model server. Resolves once all waiting callers have been answered. */
  end(): Promise<void>;
  /** Resolves with the text of the answer when a caller may be answered, or when it has disconnected. */
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
      await Promise.race([over, clock.sleep(BEGINS_WITHIN, began.signal)]);
      if (!began.signal.aborted) return 'the agent does not end';
      await Promise.race([over, ended.promise]);
      return 'the agent has drained';
    },
  };
}
