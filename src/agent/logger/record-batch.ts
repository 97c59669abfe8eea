import type { EpochMs } from '../../lib/clock.ts';
import type { LogRecord } from './record.ts';

/** Records on their way to the thread that sends them. */
export interface RecordBatch {
  /** Everything but the bodies: text is the fastest to pass between threads. */
  readonly heads: string;
  /** The bodies, one after the other. The block is transferred without a copy. */
  readonly bodies: ArrayBuffer;
}

type Head = readonly [
  id: string,
  kind: LogRecord['kind'],
  contentType: string,
  metadata: readonly (readonly [name: string, values: readonly string[]])[],
  cutFrom: number | null,
  time: number,
  length: number,
];

export function packRecords(records: readonly LogRecord[]): RecordBatch {
  const total = records.reduce((sum, { body }) => sum + body.length, 0);
  // A block of its own: one shared by Buffers cannot be transferred.
  const bodies = new ArrayBuffer(total);
  const block = Buffer.from(bodies);
  let at = 0;
  const heads = records.map(({ id, kind, contentType, metadata, cutFrom, time, body }): Head => {
    at += body.copy(block, at);
    return [id, kind, contentType, [...metadata], cutFrom ?? null, time, body.length];
  });
  return { heads: JSON.stringify(heads), bodies };
}

export function unpackRecords({ heads, bodies }: RecordBatch): LogRecord[] {
  let at = 0;
  return (JSON.parse(heads) as readonly Head[]).map(
    ([id, kind, contentType, metadata, cutFrom, time, length]) => {
      const body = Buffer.from(bodies, at, length);
      at += length;
      return {
        ...{ id, kind, contentType, metadata: new Map(metadata), body },
        ...{ cutFrom: cutFrom ?? undefined, time: time as EpochMs },
      };
    },
  );
}
