import { seconds } from '../../lib/clock.ts';
import { MmsError } from '../../lib/errors.ts';
import { goJson } from './go-text.ts';
import { csvOf, jsonOf, logRequest } from './object-format.ts';
import { post } from './post.ts';
import type { LogRecord } from './record.ts';
import type { LogOrigin, LogSink } from './settings.ts';

/** An object's bytes, and the extension of its name. */
interface Marshalled {
  readonly data: Buffer;
  readonly extension: string;
}

export type Marshal = (batch: readonly LogRecord[], signal: AbortSignal) => Promise<Marshalled>;

/** As long as KServe's agent waits for its marshaller. */
const ANSWER_TIME = seconds(30);

/** A marshaller that does not make an object of records. */
class MarshallerError extends MmsError {
  readonly code = 'LOG_MARSHALLER_FAILED';
  readonly retryable: boolean;

  constructor(status: number, url: URL) {
    super(`the marshaller ${url.href} answered ${status}; see its log, or remove --log-marshaller-url`);
    this.retryable = status >= 500;
  }
}

/** Makes objects of records: in this process, or by the configured marshaller. */
export function createMarshal(
  { format, marshaller }: Pick<Extract<LogSink, { kind: 'objects' }>, 'format' | 'marshaller'>,
  origin: LogOrigin,
): Marshal {
  if (marshaller !== undefined) {
    const url = new URL(marshaller);
    return (batch, signal) => askMarshaller(url, batch, origin, signal);
  }
  return async (batch) => {
    switch (format) {
      case 'json':
        return { data: jsonOf(batch, origin), extension: format };
      case 'csv':
        return { data: csvOf(batch, origin), extension: format };
      case 'parquet':
        return { data: (await import('./parquet.ts')).parquetOf(batch, origin), extension: format };
    }
  };
}

/**
 * Sends records as KServe's agent does, and returns the object's bytes. Source: KServe v0.17,
 * pkg/logger/marshaller_http.go.
 */
async function askMarshaller(
  url: URL,
  batch: readonly LogRecord[],
  origin: LogOrigin,
  signal: AbortSignal,
): Promise<Marshalled> {
  const records = Buffer.from(goJson(batch.map((record) => logRequest(record, origin))));
  const headers = { 'content-type': 'application/json', 'content-length': records.length };
  const answer = await post(url, records, { headers, signal, within: ANSWER_TIME });
  if (answer.status < 200 || answer.status >= 300) throw new MarshallerError(answer.status, url);
  const named = answer.headers['x-log-marshal-extension'];
  const extension = typeof named === 'string' && /^[\w.-]+$/.test(named) ? named : 'json';
  return { data: answer.body, extension };
}
