import { randomUUID } from 'node:crypto';
import type { Registry } from 'prom-client';
import { LOGGER_CA_DIRECTORY } from '../../contract/names.ts';
import { type Clock, milliseconds, type Milliseconds, type Random } from '../../lib/clock.ts';
import type { Logger } from '../../lib/log.ts';
import type { Around } from '../proxy/around.ts';
import type { Environment } from '../sources/environment.ts';
import { type SendOutcome, startDelivery } from './delivery.ts';
import { createLogQueue } from './log-queue.ts';
import { createLoggerMetrics } from './metrics.ts';
import { createParcels, type Parcel } from './parcels.ts';
import type { LoggerSettings } from './settings.ts';
import { createTap } from './tap.ts';

interface RequestLoggerDeps {
  readonly settings: LoggerSettings;
  readonly registry: Registry;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  /** Names the credentials of object stores. */
  readonly environment: Environment;
  /** Where CA bundles are; KServe's place when absent. */
  readonly caDirectory?: string;
}

/** The request logger at work. */
interface RequestLogger {
  readonly around: Around;
  /** Sends what is there until the signal aborts. */
  stop(signal: AbortSignal): Promise<void>;
}

/** What takes parcels to where they go. */
interface Sink {
  readonly send: (parcel: Parcel, signal: AbortSignal) => Promise<SendOutcome>;
  readonly close: () => void;
  /** Records in a parcel, and how long a parcel waits for them. */
  readonly size: number;
  readonly interval: Milliseconds;
}

/** Starts the request logger; each sink's libraries are loaded only where it is used. */
export async function startLogger(deps: RequestLoggerDeps): Promise<RequestLogger> {
  const { settings, clock } = deps;
  const { workers, queueEvents, queueBytes } = settings;
  const queue = createLogQueue({ events: queueEvents, bytes: queueBytes });
  const metrics = createLoggerMetrics(deps.registry, queue.size);
  const sink = await openSink(deps);
  const delivery = startDelivery({ ...deps, queue, workers, metrics, send: sink.send });
  const size = Math.min(sink.size, queueEvents);
  const parcels = createParcels({ size, interval: sink.interval, clock, pass: delivery.offer });
  const lost = () => delivery.dropped(1);
  return {
    around: createTap({ settings, queue, take: parcels.add, lost, clock, newId: randomUUID }),
    stop: async (signal) => {
      parcels.flush();
      await delivery.stop(signal);
      sink.close();
    },
  };
}

async function openSink({ settings, clock, environment, caDirectory }: RequestLoggerDeps): Promise<Sink> {
  const { sink, origin } = settings;
  if (sink.kind === 'http') {
    const { createHttpSink } = await import('./http-sink.ts');
    const directory = caDirectory ?? LOGGER_CA_DIRECTORY;
    const http = createHttpSink({ sink, origin, clock, caDirectory: directory });
    const send: Sink['send'] = ([record], signal) =>
      record === undefined ? Promise.resolve({ kind: 'sent' }) : http.send(record, signal);
    return { send, close: http.close, size: 1, interval: milliseconds(0) };
  }
  const [{ createObjectSink }, { createMarshal }, { openUpload }] = await Promise.all([
    import('./object-sink.ts'),
    import('./marshal.ts'),
    import('./object-upload.ts'),
  ]);
  const upload = await openUpload(sink.place, environment);
  const objects = createObjectSink({ sink, origin, marshal: createMarshal(sink, origin), upload });
  return { ...objects, size: sink.batchSize, interval: sink.batchInterval };
}
