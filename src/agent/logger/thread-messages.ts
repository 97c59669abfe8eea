import type { RecordBatch } from './record-batch.ts';
import type { LoggerSettings } from './settings.ts';

/** What the thread that sends records is started with. */
export interface ThreadStart {
  readonly settings: ThreadSettings;
  /** Where CA bundles are mounted. */
  readonly caDirectory: string;
}

/** What of the settings the thread needs. */
type ThreadSettings = Pick<LoggerSettings, 'sink' | 'origin' | 'workers' | 'queueEvents' | 'queueBytes'>;

export type ToThread =
  | { readonly type: 'records'; readonly batch: RecordBatch }
  /** Nothing comes any more: send what is there. */
  | { readonly type: 'stop' }
  /** Time is up. */
  | { readonly type: 'cut' };

/** What became of records since it was last told. */
export interface Progress {
  /** Records that are gone, sent or not, and the bytes of their bodies. */
  readonly events: number;
  readonly bytes: number;
  readonly sent: number;
  readonly dropped: number;
  /** Attempts; one record may fail more than once. */
  readonly failed: number;
  /** Of the last one that was dropped. */
  readonly why: string;
}

export type FromThread =
  | { readonly type: 'open' }
  /** It cannot begin. */
  | { readonly type: 'unopened'; readonly message: string }
  | ({ readonly type: 'progress' } & Progress)
  /** After its last progress. */
  | { readonly type: 'stopped' };
