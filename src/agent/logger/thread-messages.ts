import type { RecordBatch } from './record-batch.ts';
import type { LoggerSettings } from './settings.ts';

/** The start parameters of the thread that sends records. */
export interface ThreadStart {
  readonly settings: ThreadSettings;
  /** The directory of CA bundles. */
  readonly caDirectory: string;
}

/** The settings that the thread needs. */
type ThreadSettings = Pick<LoggerSettings, 'sink' | 'origin' | 'workers' | 'queueEvents' | 'queueBytes'>;

export type ToThread =
  | { readonly type: 'records'; readonly batch: RecordBatch }
  /** No more records follow: send the remaining ones. */
  | { readonly type: 'stop' }
  /** Time is up. */
  | { readonly type: 'cut' };

/** The outcomes of records since the last report. */
export interface Progress {
  /** Records that are done, sent or not, and the bytes of their bodies. */
  readonly events: number;
  readonly bytes: number;
  readonly sent: number;
  readonly dropped: number;
  /** Failed attempts. One record may fail more than once. */
  readonly failed: number;
  /** Of the last dropped one. */
  readonly why: string;
}

export type FromThread =
  | { readonly type: 'open' }
  /** It cannot start. */
  | { readonly type: 'unopened'; readonly message: string }
  | ({ readonly type: 'progress' } & Progress)
  /** Sent after its last progress. */
  | { readonly type: 'stopped' };
