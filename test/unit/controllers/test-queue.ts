import { milliseconds } from '../../../src/lib/clock.ts';
import {
  startWorkQueue,
  type WorkQueueEvent,
  type WorkQueueOptions,
} from '../../../src/controllers/work-queue.ts';
import { fakeClock } from '../../support/clocks.ts';
import { recordingLogger } from '../../support/logs.ts';

/** A queue with a fake clock. With random 1, each wait has its full length. */
export function testQueue(options: Partial<WorkQueueOptions<string>> = {}) {
  const clock = fakeClock();
  const startedAt = clock.now();
  const runs: string[] = [];
  const events: WorkQueueEvent<string>[] = [];
  const gates = new Map<string, PromiseWithResolvers<undefined>>();
  const signals: AbortSignal[] = [];
  const queue = startWorkQueue<string>({
    workers: 2,
    backoff: { base: milliseconds(100), cap: milliseconds(1000) },
    clock,
    random: () => 1,
    logger: recordingLogger(),
    observe: (event) => events.push(event),
    process: async (key, signal) => {
      runs.push(`${key}@${clock.now() - startedAt}`);
      signals.push(signal);
      await gates.get(key)?.promise;
    },
    ...options,
  });
  /** Blocks runs of the key until the gate is opened. */
  const hold = (key: string): PromiseWithResolvers<undefined> => {
    const gate = Promise.withResolvers<undefined>();
    gates.set(key, gate);
    gate.promise.then(
      () => gates.delete(key),
      () => gates.delete(key),
    );
    return gate;
  };
  return { queue, clock, runs, events, hold, signals };
}
