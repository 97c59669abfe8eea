import type { Registry } from 'prom-client';
import type { Clock } from '../lib/clock.ts';
import type { Logger } from '../lib/log.ts';
import type { AgentOptions } from './options.ts';
import type { Around, AroundStreams } from './proxy/around.ts';
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
  /** Undefined if nothing observes HTTP/2. */
  readonly aroundStreams: AroundStreams | undefined;
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
    around: inTurn(logger?.around, batcher?.around),
    aroundStreams: logger?.aroundStreams,
    stop: async (signal) => {
      batcher?.close();
      await logger?.stop(signal);
    },
  };
}

/**
 * The logger sees the clients' requests, whether or not they then go into a batch. KServe has the same order. Between
 * the two a request waits for its model: bodies that wait are not read, and a batch contains only requests whose model
 * is available.
 */
function inTurn(outer: Around | undefined, inner: Around | undefined): Around | undefined {
  if (outer === undefined && inner === undefined) return undefined;
  const served: Around = (incoming, outgoing, onward) =>
    onward.awake(() => (inner === undefined ? onward.forward() : inner(incoming, outgoing, onward)));
  if (outer === undefined) return served;
  return (incoming, outgoing, onward) =>
    outer(incoming, outgoing, { ...onward, forward: () => served(incoming, outgoing, onward) });
}
