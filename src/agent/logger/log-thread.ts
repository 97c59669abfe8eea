import type { Clock, Random } from '../../lib/clock.ts';
import { messageOf } from '../../lib/errors.ts';
import type { Environment } from '../sources/environment.ts';
import { startDelivery } from './delivery.ts';
import { openSink, type Sink } from './open-sink.ts';
import { createParcelQueue } from './parcel-queue.ts';
import { createParcels } from './parcels.ts';
import { countProgress } from './progress.ts';
import { unpackRecords } from './record-batch.ts';
import type { FromThread, ThreadStart, ToThread } from './thread-messages.ts';

interface LogThreadDeps {
  readonly start: ThreadStart;
  readonly environment: Environment;
  readonly clock: Clock;
  readonly random: Random;
  readonly post: (message: FromThread) => void;
}

/** The thread's side of the request logger: receives records, and sends them until it is stopped. */
interface LogThread {
  receive(message: ToThread): void;
}

/** Opens the sink and reports it. Earlier records wait. */
export function serveLogThread({ start, environment, clock, random, post }: LogThreadDeps): LogThread {
  const cut = new AbortController();
  const serving = openSink({ ...start, environment, clock, cut: cut.signal }).then(
    (sink) => {
      post({ type: 'open' });
      return startSending(start, sink, { clock, random, post, cut: cut.signal });
    },
    (thrown: unknown) => {
      post({ type: 'unopened', message: messageOf(thrown) });
      return undefined;
    },
  );
  return {
    receive: (message) => {
      if (message.type === 'cut') cut.abort();
      else void serving.then((sending) => sending?.(message));
    },
  };
}

interface Sending extends Pick<LogThreadDeps, 'clock' | 'random' | 'post'> {
  readonly cut: AbortSignal;
}

function startSending(
  { settings }: ThreadStart,
  sink: Sink,
  deps: Sending,
): (message: Exclude<ToThread, { type: 'cut' }>) => void {
  const { workers, queueEvents, queueBytes } = settings;
  const count = countProgress(deps.clock, (progress) => deps.post({ type: 'progress', ...progress }));
  const queue = createParcelQueue({ events: queueEvents, bytes: queueBytes });
  const delivery = startDelivery({ ...deps, queue, workers, count, send: sink.send });
  const { size, interval } = sink;
  const parcels = createParcels({ size, interval, clock: deps.clock, pass: delivery.offer });
  const stop = async (): Promise<void> => {
    parcels.flush();
    await delivery.stop();
    sink.close();
    count.flush();
    deps.post({ type: 'stopped' });
  };
  return (message) => {
    if (message.type === 'stop') void stop();
    else for (const record of unpackRecords(message.batch)) parcels.add(record);
  };
}
