import { type Clock, milliseconds } from '../../lib/clock.ts';
import type { Parcel } from './parcels.ts';
import { bytesOf } from './parcel-queue.ts';
import type { Progress } from './thread-messages.ts';

/** How late it may be known that there is room again. */
const WAIT = milliseconds(10);
const NOTHING: Progress = { events: 0, bytes: 0, sent: 0, dropped: 0, failed: 0, why: '' };

/** Counts what becomes of records, and tells it every now and then. */
export interface ProgressCount {
  sent(parcel: Parcel): void;
  dropped(parcel: Parcel, why: string): void;
  /** An attempt; the records are still here. */
  failed(parcel: Parcel): void;
  /** Tells what has not been told. */
  flush(): void;
}

export function countProgress(
  clock: Pick<Clock, 'sleep'>,
  tell: (progress: Progress) => void,
): ProgressCount {
  let untold: { -readonly [Name in keyof Progress]: Progress[Name] } = { ...NOTHING };
  let isDue = false;
  const flush = (): void => {
    const { events, failed } = untold;
    if (events === 0 && failed === 0) return;
    const told = untold;
    untold = { ...NOTHING };
    tell(told);
  };
  const due = (): void => {
    if (isDue) return;
    isDue = true;
    void clock.sleep(WAIT).then(() => {
      isDue = false;
      flush();
    });
  };
  const gone = (parcel: Parcel): void => {
    untold.events += parcel.length;
    untold.bytes += bytesOf(parcel);
    due();
  };
  return {
    flush,
    sent: (parcel) => {
      untold.sent += parcel.length;
      gone(parcel);
    },
    dropped: (parcel, why) => {
      untold.dropped += parcel.length;
      untold.why = why;
      gone(parcel);
    },
    failed: (parcel) => {
      untold.failed += parcel.length;
      due();
    },
  };
}
