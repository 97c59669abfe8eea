import { type Clock, milliseconds } from '../../lib/clock.ts';
import type { LogRecord } from './record.ts';

/** Each handover wakes the other thread, which costs as much as writing an event: so records wait for others. */
const WAIT = milliseconds(5);
/** The most records in one, so that the other thread works in small portions, and blocks of bodies stay small. */
const MOST_RECORDS = 128;
const MOST_BYTES = 256 * 1024;

interface OutboxDeps {
  readonly clock: Pick<Clock, 'sleep'>;
  readonly pass: (records: readonly LogRecord[]) => void;
}

/** Gathers records for a moment and passes them on together, in order. */
export function createOutbox({ clock, pass }: OutboxDeps) {
  let gathered: LogRecord[] = [];
  let bytes = 0;
  let isDue = false;
  const flush = (): void => {
    if (gathered.length === 0) return;
    const records = gathered;
    gathered = [];
    bytes = 0;
    pass(records);
  };
  return {
    flush,
    add: (record: LogRecord): void => {
      gathered.push(record);
      bytes += record.body.length;
      if (gathered.length >= MOST_RECORDS || bytes >= MOST_BYTES) flush();
      else if (!isDue) {
        isDue = true;
        void clock.sleep(WAIT).then(() => {
          isDue = false;
          flush();
        });
      }
    },
  };
}
