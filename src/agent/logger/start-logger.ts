import { randomUUID } from 'node:crypto';
import type { Registry } from 'prom-client';
import { LOGGER_CA_DIRECTORY } from '../../contract/names.ts';
import type { Clock } from '../../lib/clock.ts';
import type { Logger } from '../../lib/log.ts';
import type { Look } from '../proxy/around.ts';
import type { Environment } from '../sources/environment.ts';
import { createRoom } from './log-room.ts';
import { tellLosses } from './losses.ts';
import { createLoggerMetrics } from './metrics.ts';
import { createOutbox } from './outbox.ts';
import type { LoggerSettings } from './settings.ts';
import { createTap } from './tap.ts';
import { openLogThread } from './thread-host.ts';

interface RequestLoggerDeps {
  readonly settings: LoggerSettings;
  readonly registry: Registry;
  readonly clock: Clock;
  readonly log: Logger;
  /** Holds the credentials of object stores. */
  readonly environment: Environment;
  /** The script of the thread that sends records. */
  readonly logThread: URL;
  /** The directory of CA bundles. KServe's if absent. */
  readonly caDirectory?: string;
}

/** The running request logger. */
interface RequestLogger {
  readonly look: Look;
  /** Sends the remaining records until the signal aborts. */
  stop(signal: AbortSignal): Promise<void>;
}

/** Starts the request logger: records are made here, and sent by a thread of their own. */
export async function startLogger(deps: RequestLoggerDeps): Promise<RequestLogger> {
  const { settings, clock } = deps;
  const room = createRoom(roomOf(settings));
  const metrics = createLoggerMetrics(deps.registry, room.size);
  const losses = tellLosses(deps);
  const drop = (count: number, why: string): void => {
    metrics.count('dropped', count);
    losses.add(count, why);
  };
  const lost = (): void => drop(1, 'the queue is full');
  const { caDirectory = LOGGER_CA_DIRECTORY } = deps;
  const thread = await openLogThread({
    ...deps,
    entry: deps.logThread,
    start: { settings: threadSettings(settings), caDirectory },
    progressed: (progress) => {
      room.left(progress);
      metrics.count('sent', progress.sent);
      metrics.count('failed', progress.failed);
      if (progress.dropped > 0) drop(progress.dropped, progress.why);
    },
    lost: (gone, why) => {
      room.left(gone);
      drop(gone.events, why);
    },
  });
  const outbox = createOutbox({ clock, pass: thread.post });
  return {
    look: createTap({ settings, room, take: outbox.add, lost, clock, newId: randomUUID }),
    stop: async (signal) => {
      outbox.flush();
      await thread.stop(signal);
      losses.report();
    },
  };
}

/** Records gathered for an object do not count: they wait for others, not for the sink. */
function roomOf({ sink, queueEvents, queueBytes }: LoggerSettings) {
  const gathered = sink.kind === 'objects' ? sink.batchSize - 1 : 0;
  return { events: queueEvents + gathered, bytes: queueBytes };
}

/** Only these: what a thread receives is copied. */
function threadSettings({ sink, origin, workers, queueEvents, queueBytes }: LoggerSettings) {
  return { sink, origin, workers, queueEvents, queueBytes };
}
