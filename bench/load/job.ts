/** Requests that a caller in a process of its own is to make, the same over and over. */
export interface CallerJob {
  readonly port: number;
  /** PEM: speak TLS with a server of this authority. */
  readonly ca?: string;
  readonly path: string;
  readonly token?: string;
  /**
   * JSON, POSTed. {@link INDEX} in it becomes the number of the request, {@link SERVICE} that number modulo `services`; both
   * seven digits, so that every body has the same length.
   */
  readonly body: string;
  readonly services?: number;
  readonly connections: number;
  /** Ends after so many requests, or after so long, whichever is first. */
  readonly count?: number;
  /** The number of the first request; 0 when absent. */
  readonly first?: number;
  readonly ms?: number;
  /** What is answered in the first so many milliseconds is not counted. */
  readonly warmUpMs?: number;
}

export const INDEX = '%INDEX%';
export const SERVICE = '%SERVC%';

export const sevenDigits = (index: number): string => String(index).padStart(7, '0');

export interface CallerReport {
  readonly requests: number;
  /** Answered with anything but 2xx, or not at all. */
  readonly failures: number;
  /** How often each failing status came; 0 for a connection that broke. */
  readonly statuses: Readonly<Record<string, number>>;
  readonly perSecond: number;
  readonly p50: number;
  readonly p99: number;
}
