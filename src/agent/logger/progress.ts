import { type Clock, milliseconds } from '../../lib/clock.ts';
import type { Parcel } from './parcels.ts';
import { bytesOf } from './parcel-queue.ts';
import type { Progress } from './thread-messages.ts';

/** The longest delay before freed room is reported. */
const WAIT = milliseconds(10);
const NOTHING: Progress = { events: 0, bytes: 0, sent: 0, dropped: 0, failed: 0, why: '' };

/** Counts the outcomes of records, and reports them from time to time. */
export interface ProgressCount {
  sent(parcel: Parcel): void;
  dropped(parcel: Parcel, why: string): void;
  /** A failed attempt. The records are kept. */
  failed(parcel: Parcel): void;
  /** Reports what is not reported yet. */
  flush(): void;
}

export function countProgress(
  clock: Pick<Clock, 'sleep'>,
  report: (progress: Progress) => void,
): ProgressCount {
  let unreported: { -readonly [Name in keyof Progress]: Progress[Name] } = { ...NOTHING };
  let isDue = false;
  const flush = (): void => {
    const { events, failed } = unreported;
    if (events === 0 && failed === 0) return;
    const reported = unreported;
    unreported = { ...NOTHING };
    report(reported);
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
    unreported.events += parcel.length;
    unreported.bytes += bytesOf(parcel);
    due();
  };
  return {
    flush,
    sent: (parcel) => {
      unreported.sent += parcel.length;
      gone(parcel);
    },
    dropped: (parcel, why) => {
      unreported.dropped += parcel.length;
      unreported.why = why;
      gone(parcel);
    },
    failed: (parcel) => {
      unreported.failed += parcel.length;
      due();
    },
  };
}
