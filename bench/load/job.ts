/** Identical requests that a caller in its own process sends. */
export interface CallerJob {
  readonly port: number;
  /** PEM of a CA: use TLS with a server that has a certificate of this CA. */
  readonly ca?: string;
  readonly path: string;
  readonly token?: string;
  /**
   * JSON, sent by POST. {@link INDEX} in it becomes the number of the request, {@link SERVICE} that number modulo
   * `services`. Both have seven digits, so that every body has the same length.
   */
  readonly body: string;
  readonly services?: number;
  readonly connections: number;
  /** Ends after this many requests or this duration, whichever is first. */
  readonly count?: number;
  /** The number of the first request; 0 when absent. */
  readonly first?: number;
  readonly ms?: number;
  /** Answers in the first milliseconds of this duration are not counted. */
  readonly warmUpMs?: number;
}

export const INDEX = '%INDEX%';
export const SERVICE = '%SERVC%';

export const sevenDigits = (index: number): string => String(index).padStart(7, '0');

export interface CallerReport {
  readonly requests: number;
  /** Requests with an answer other than 2xx, or without one. */
  readonly failures: number;
  /** The number of each failing status; 0 stands for a broken connection. */
  readonly statuses: Readonly<Record<string, number>>;
  readonly perSecond: number;
  readonly p50: number;
  readonly p99: number;
}
