import { type Clock, milliseconds, type Milliseconds } from '../../lib/clock.ts';
import type { Environment } from '../sources/environment.ts';
import type { SendOutcome } from './delivery.ts';
import type { Parcel } from './parcels.ts';
import type { ThreadStart } from './thread-messages.ts';

/** Delivers parcels. */
export interface Sink {
  readonly send: (parcel: Parcel) => Promise<SendOutcome>;
  readonly close: () => void;
  /** Records in a parcel, and how long a parcel waits for them. */
  readonly size: number;
  readonly interval: Milliseconds;
}

interface SinkDeps extends ThreadStart {
  readonly clock: Clock;
  /** Names the credentials of object stores. */
  readonly environment: Environment;
  /** Time is up. */
  readonly cut: AbortSignal;
}

/** Opens the sink in the settings. Each sink's libraries are loaded only if it is used. */
export async function openSink({ settings, environment, ...deps }: SinkDeps): Promise<Sink> {
  const { sink, origin } = settings;
  if (sink.kind === 'http') {
    const { createHttpSink } = await import('./http-sink.ts');
    const http = createHttpSink({ ...deps, sink, origin });
    const send: Sink['send'] = ([record]) =>
      record === undefined ? Promise.resolve({ kind: 'sent' }) : http.send(record);
    return { send, close: http.close, size: 1, interval: milliseconds(0) };
  }
  const [{ createObjectSink }, { createMarshal }, { openUpload }] = await Promise.all([
    import('./object-sink.ts'),
    import('./marshal.ts'),
    import('./object-upload.ts'),
  ]);
  const upload = await openUpload(sink.place, environment);
  const marshal = createMarshal(sink, origin);
  const objects = createObjectSink({ sink, origin, marshal, upload, cut: deps.cut });
  return { ...objects, size: sink.batchSize, interval: sink.batchInterval };
}
