import type { Clock } from '../../lib/clock.ts';
import type { BodyCopy } from './body-copy.ts';
import type { LogRoom } from './log-room.ts';
import type { LogRecord, RecordHead } from './record.ts';
import type { LoggerSettings } from './settings.ts';

export interface TapDeps {
  readonly settings: LoggerSettings;
  readonly room: LogRoom;
  /** Takes a record, which has its place in the room. */
  readonly take: (record: LogRecord) => void;
  /** One was given up, for want of room. */
  readonly lost: () => void;
  readonly clock: Pick<Clock, 'now'>;
  readonly newId: () => string;
}

/** Makes a record of a body that has come whole. */
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
