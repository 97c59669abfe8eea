import { messageOf } from '../../lib/errors.ts';
import type { SendOutcome } from './delivery.ts';
import type { Marshal } from './marshal.ts';
import { objectKey } from './object-format.ts';
import type { ObjectUpload } from './object-place.ts';
import type { LogRecord } from './record.ts';
import type { LogOrigin, LogSink } from './settings.ts';

interface ObjectSinkDeps {
  readonly sink: Extract<LogSink, { kind: 'objects' }>;
  readonly origin: LogOrigin;
  readonly marshal: Marshal;
  readonly upload: ObjectUpload;
  /** Time is up. */
  readonly cut: AbortSignal;
}

/** Writes the records of a parcel to one object. */
export function createObjectSink({ sink, origin, marshal, upload, cut }: ObjectSinkDeps) {
  return {
    send: async (records: readonly LogRecord[]): Promise<SendOutcome> => {
      const [first] = records;
      if (first === undefined) return { kind: 'sent' };
      try {
        const { data, extension } = await marshal(records, cut);
        await upload.put(objectKey(sink.place, first, origin, extension), data, cut);
        return { kind: 'sent' };
      } catch (thrown) {
        // A store that denies access today may grant it tomorrow. The queue limits how much waits for that.
        return { kind: 'later', why: `the object is not stored: ${messageOf(thrown)}` };
      }
    },
    close: upload.close,
  };
}
