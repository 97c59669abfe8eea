import { parquetWriteBuffer } from 'hyparquet-writer';
import { FLAG_COLUMN, TEXT_COLUMNS, textsOf } from './object-format.ts';
import type { LogRecord } from './record.ts';
import type { LogOrigin } from './settings.ts';

/** A batch in Parquet, with KServe's columns. */
export function parquetOf(batch: readonly LogRecord[], origin: LogOrigin): Buffer {
  const rows = batch.map((record) => textsOf(record, origin));
  const texts = TEXT_COLUMNS.map((name, column) => ({
    ...{ name, type: 'STRING' as const, nullable: false },
    data: rows.map((row) => row[column] ?? ''),
  }));
  const flags = { name: FLAG_COLUMN, type: 'BOOLEAN' as const, nullable: false };
  const data = rows.map(() => origin.tlsSkipVerify);
  return Buffer.from(parquetWriteBuffer({ columnData: [...texts, { ...flags, data }] }));
}
