import {
  AccessDeniedError,
  NotFoundError,
  RequestRefusedError,
  SourceChangedError,
  SourceUnavailableError,
  TooManyRequestsError,
} from './errors.ts';
import type { PullError } from './errors.ts';

interface StatusContext {
  /** The address as it may be shown. */
  readonly shown: string;
  /** The store's own code for the error (`NoSuchBucket`), when it has one. */
  readonly storeCode?: string | undefined;
  readonly retryAfterMs?: number | undefined;
  readonly cause?: unknown;
}

/** The error for a store's HTTP status. */
export function errorOfStatus(
  status: number,
  { shown, storeCode, retryAfterMs, cause }: StatusContext,
): PullError {
  const answer = `${shown}: the source answered ${status}${storeCode === undefined ? '' : ` ${storeCode}`}`;
  const options = { cause, retryAfterMs };
  if (status === 404 || status === 410) {
    return new NotFoundError(`${answer}. Check that the storageUri names an existing model.`, options);
  }
  if (status === 401 || status === 403) {
    return new AccessDeniedError(
      `${answer}. Check the credentials of the pod's service account and their rights on this path.`,
      options,
    );
  }
  if (status === 412) return new SourceChangedError(`${answer}: it changed during the download.`, options);
  if (status === 429) return new TooManyRequestsError(`${answer}. It is fetched again later.`, options);
  // 202 is what a store answers while it fetches or thaws the file.
  if (status === 202 || status === 408 || status >= 500) {
    return new SourceUnavailableError(`${answer}. It is fetched again later.`, options);
  }
  return new RequestRefusedError(`${answer}. Check the storageUri.`, options);
}

/** The longest wait a source may ask for. With a Retry-After of a day the model would look forgotten. */
const LONGEST_RETRY_AFTER_MS = 3_600_000;

/** Retry-After in seconds (RFC 9110, 10.2.3) as milliseconds, at most an hour. The date form is ignored. */
export function retryAfterMs(header: string | null | undefined): number | undefined {
  if (header === undefined || header === null || !/^\d{1,9}$/.test(header.trim())) return undefined;
  return Math.min(Number(header) * 1000, LONGEST_RETRY_AFTER_MS);
}
