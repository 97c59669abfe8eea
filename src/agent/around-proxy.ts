import type { Registry } from 'prom-client';
import type { Clock } from '../lib/clock.ts';
import type { Logger } from '../lib/log.ts';
import type { AgentOptions } from './options.ts';
import type { Around, Look } from './proxy/around.ts';
import type { Environment } from './sources/environment.ts';

interface AroundDeps {
  readonly options: Pick<AgentOptions, 'logger' | 'batcher' | 'componentPort'>;
  readonly registry: Registry;
  readonly clock: Clock;
  readonly log: Logger;
  readonly environment: Environment;
  /** The script of the request logger's thread. */
  readonly logThread: URL;
}

/** What this agent puts around its proxy. */
export interface AroundProxy {
  /** Undefined if nothing wraps it. */
  readonly around: Around | undefined;
  /**
   * Undefined: nothing observes requests. It sees the clients' requests, whether or not they then go into a batch, as
   * KServe's does.
   */
  readonly look: Look | undefined;
  /** Sends the entries to log until the signal aborts. */
  stop(signal: AbortSignal): Promise<void>;
}

/** Starts the request logger and the batcher if they are configured. An agent without them does not load them. */
export async function startAround({ options, ...deps }: AroundDeps): Promise<AroundProxy> {
  const { logger: logs, batcher: batches, componentPort } = options;
  const logger =
    logs && (await (await import('./logger/start-logger.ts')).startLogger({ ...deps, settings: logs }));
  const batcher =
    batches &&
    (await import('./batcher/start-batcher.ts')).startBatcher({ ...deps, settings: batches, componentPort });
  return {
    around: batcher && onceAwake(batcher.around),
    look: logger?.look,
    stop: async (signal) => {
      batcher?.close();
      await logger?.stop(signal);
    },
  };
}

/**
 * A request waits for its model first: bodies that wait are not read, and a batch contains only requests whose model is
 * available.
 */
function onceAwake(around: Around): Around {
  return (incoming, outgoing, onward) => onward.awake(() => around(incoming, outgoing, onward));
}
