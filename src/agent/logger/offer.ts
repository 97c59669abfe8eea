import type { Clock } from '../../lib/clock.ts';
import type { BodyCopy } from './body-copy.ts';
import type { LogRoom } from './log-room.ts';
import type { LogRecord, RecordHead } from './record.ts';
import type { LoggerSettings } from './settings.ts';

export interface TapDeps {
  readonly settings: LoggerSettings;
  readonly room: LogRoom;
  /** Accepts a record, which has its place in the room. */
  readonly take: (record: LogRecord) => void;
  /** A record was dropped for lack of room. */
  readonly lost: () => void;
  readonly clock: Pick<Clock, 'now'>;
  readonly newId: () => string;
}

/** Makes a record of a complete body. */
export function offer(
  { room, take, lost, clock }: TapDeps,
  { id, contentType, metadata }: RecordHead,
  kind: LogRecord['kind'],
  copy: BodyCopy,
): void {
  const copied = copy.finish();
  if (copied === undefined) lost();
  else if (room.enter()) {
    const { body, cutFrom } = copied;
    take({ id, kind, contentType, metadata, body, cutFrom, time: clock.now() });
  } else {
    room.give(copied.body.length);
    lost();
  }
}
