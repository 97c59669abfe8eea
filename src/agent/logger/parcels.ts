import type { Clock, Milliseconds } from '../../lib/clock.ts';
import type { LogRecord } from './record.ts';

/** Records sent together: one event, or the records of one object. */
export type Parcel = readonly LogRecord[];

interface ParcelDeps {
  readonly size: number;
  /** How long the first record of a parcel waits for the others. 0: without limit. */
  readonly interval: Milliseconds;
  readonly clock: Pick<Clock, 'sleep'>;
  readonly pass: (parcel: Parcel) => void;
}

/** Groups records into parcels of a given size, in order. */
export function createParcels({ size, interval, clock, pass }: ParcelDeps) {
  let gathered: LogRecord[] = [];
  /** Ends the wait for missing records. A parcel of one never waits, and needs no timer. */
  let wait: AbortController | undefined;
  const flush = (): void => {
    if (gathered.length === 0) return;
    const parcel = gathered;
    gathered = [];
    wait?.abort();
    wait = undefined;
    pass(parcel);
  };
  return {
    flush,
    add: (record: LogRecord): void => {
      gathered.push(record);
      if (gathered.length >= size) flush();
      else if (gathered.length === 1 && interval > 0) {
        wait = new AbortController();
        const { signal } = wait;
        void clock.sleep(interval, signal).then(() => {
          if (!signal.aborted) flush();
        });
      }
    },
  };
}
