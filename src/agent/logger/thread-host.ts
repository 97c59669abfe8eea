import { Worker } from 'node:worker_threads';
import { type Clock, seconds } from '../../lib/clock.ts';
import { MmsError } from '../../lib/errors.ts';
import type { Logger } from '../../lib/log.ts';
import type { Environment } from '../sources/environment.ts';
import { packRecords } from './record-batch.ts';
import type { LogRecord } from './record.ts';
import { bytesOf } from './parcel-queue.ts';
import type { FromThread, Progress, ThreadStart, ToThread } from './thread-messages.ts';

/** After a thread that died. */
const RESTART = seconds(5);
/** How long a busy thread has, after time is up, to report what it dropped. */
const LAST_WORDS = seconds(1);
const DIED = 'the thread that sends logged events died';

/** How many records, and how many bytes their bodies have. */
interface Amount {
  readonly events: number;
  readonly bytes: number;
}

interface ThreadDeps {
  /** The thread's script: log-thread-main.ts, or a bundle of it. */
  readonly entry: URL;
  readonly start: ThreadStart;
  /** Holds the credentials of object stores. */
  readonly environment: Environment;
  readonly clock: Pick<Clock, 'sleep'>;
  readonly log: Logger;
  readonly progressed: (progress: Progress) => void;
  /** The records that the thread had, or was about to get, when it died. */
  readonly lost: (gone: Amount, why: string) => void;
}

/** The agent's view of the thread that sends log records. */
interface LogThread {
  /** Passes records to it. */
  post(records: readonly LogRecord[]): void;
  /** Lets it send its records until the signal aborts, and ends it. */
  stop(signal: AbortSignal): Promise<void>;
}

/** The sink cannot be opened, so nothing could ever be logged. */
class LogSinkError extends MmsError {
  readonly code = 'LOG_SINK_NOT_OPENED';
  readonly retryable = false;

  constructor(why: string) {
    super(`the sink of --log-url cannot be opened: ${why}`);
  }
}

/** What a thread reports of itself. */
interface ThreadEvents {
  readonly opened: () => void;
  readonly progressed: (progress: Progress) => void;
  readonly ended: (why: string) => void;
}

/**
 * Starts the thread and waits until its sink is open. The main thread serves requests; sending two events for each of
 * them there would slow it down. A thread that dies takes no request with it, and is started again.
 * @throws LogSinkError
 */
export async function openLogThread(deps: ThreadDeps): Promise<LogThread> {
  const { clock, log, lost } = deps;
  const there = { events: 0, bytes: 0 };
  let worker: Worker | undefined;
  let state: 'opening' | 'open' | 'stopping' = 'opening';
  const opening = Promise.withResolvers<undefined>();
  const ending = Promise.withResolvers<undefined>();
  const loseAll = (): void => {
    const gone = { ...there };
    there.events = 0;
    there.bytes = 0;
    if (gone.events > 0) lost(gone, state === 'stopping' ? 'the agent ended' : DIED);
  };
  const ended = (why: string): void => {
    worker = undefined;
    loseAll();
    if (state === 'opening') opening.reject(new LogSinkError(why));
    if (state === 'stopping') ending.resolve(undefined);
    if (state !== 'open') return;
    log.error({ why }, `${DIED}; it is started again`);
    void clock.sleep(RESTART).then(() => {
      if (state === 'open') run();
    });
  };
  const progressed = (progress: Progress): void => {
    there.events -= progress.events;
    there.bytes -= progress.bytes;
    deps.progressed(progress);
  };
  const run = (): void => {
    worker = startThread(deps, { opened: () => opening.resolve(undefined), progressed, ended });
  };
  run();
  await opening.promise;
  state = 'open';
  return {
    post: (records) => {
      there.events += records.length;
      there.bytes += bytesOf(records);
      if (worker === undefined) loseAll();
      else hand(worker, records);
    },
    stop: async (signal) => {
      state = 'stopping';
      if (worker === undefined) return;
      const cut = cutter(worker, clock);
      worker.postMessage({ type: 'stop' } satisfies ToThread);
      if (signal.aborted) cut();
      else signal.addEventListener('abort', cut, { once: true });
      await ending.promise;
      signal.removeEventListener('abort', cut);
    },
  };
}

function hand(worker: Worker, records: readonly LogRecord[]): void {
  const batch = packRecords(records);
  worker.postMessage({ type: 'records', batch } satisfies ToThread, [batch.bodies]);
}

function cutter(worker: Worker, clock: Pick<Clock, 'sleep'>): () => void {
  return () => {
    worker.postMessage({ type: 'cut' } satisfies ToThread);
    void clock.sleep(LAST_WORDS).then(() => worker.terminate());
  };
}

function startThread(
  { entry, start, environment }: ThreadDeps,
  { opened, progressed, ended }: ThreadEvents,
): Worker {
  const worker = new Worker(entry, { workerData: start, env: defined(environment) });
  let why = 'it ended';
  worker.on('message', (message: FromThread) => {
    switch (message.type) {
      case 'open':
        opened();
        return;
      case 'unopened':
        ({ message: why } = message);
        void worker.terminate();
        return;
      case 'progress':
        progressed(message);
        return;
      case 'stopped':
        void worker.terminate();
    }
  });
  worker.on('error', (error) => (why = placeOf(error)));
  worker.on('exit', () => ended(why));
  return worker;
}

/** Only the name and the place: the message of a store's client may quote a signed request. */
function placeOf(thrown: unknown): string {
  // After the transfer between threads it is no longer a native error.
  const { name, stack } = Object(thrown) as Partial<Error>;
  const [, place = ''] = /^\s+(at .*)/m.exec(stack ?? '') ?? [];
  return `${name ?? 'it threw'} ${place}`;
}

/** A thread's environment holds text only. */
function defined(environment: Environment): Record<string, string> {
  return Object.fromEntries(
    Object.entries(environment).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
  );
}
