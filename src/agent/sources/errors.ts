import { MmsError } from '../../lib/errors.ts';

/**
 * Why a model could not be downloaded. `code` names the class for programs. `reason` is the CamelCase word of the
 * model's condition. `retryable` chooses between a retry soon and a rare one.
 */
export abstract class PullError extends MmsError {
  abstract readonly reason: string;
  /** The minimum wait in milliseconds that the source asked for. */
  readonly retryAfterMs: number | undefined;

  constructor(message: string, options?: { cause?: unknown; retryAfterMs?: number | undefined }) {
    super(message, options);
    this.retryAfterMs = options?.retryAfterMs;
  }
}

/** The storageUri does not have the form that its scheme requires. */
export class InvalidUriError extends PullError {
  readonly code = 'INVALID_URI';
  readonly reason = 'InvalidUri';
  readonly retryable = false;
}

/** No source supports URIs of this scheme or kind. */
export class UnsupportedSourceError extends PullError {
  readonly code = 'UNSUPPORTED_SOURCE';
  readonly reason = 'UnsupportedSource';
  readonly retryable = false;
}

/** The operator's settings or credentials files cannot be used. */
export class SourceConfigurationError extends PullError {
  readonly code = 'SOURCE_CONFIGURATION';
  readonly reason = 'SourceConfiguration';
  readonly retryable = false;
}

/** There is nothing at the storageUri. */
export class NotFoundError extends PullError {
  readonly code = 'NOT_FOUND';
  readonly reason = 'NotFound';
  readonly retryable = false;
}

/** The source refuses these credentials, or requires some. */
export class AccessDeniedError extends PullError {
  readonly code = 'ACCESS_DENIED';
  readonly reason = 'AccessDenied';
  readonly retryable = false;
}

/** Any other refusal that a retry does not mend: 400, 410, 416 and the like. */
export class RequestRefusedError extends PullError {
  readonly code = 'REQUEST_REFUSED';
  readonly reason = 'RequestRefused';
  readonly retryable = false;
}

/** The URI leads into a network that the agent must not reach. */
export class DestinationRefusedError extends PullError {
  readonly code = 'DESTINATION_REFUSED';
  readonly reason = 'DestinationRefused';
  readonly retryable = false;
}

/** The source redirects to a target that the agent does not follow. */
export class BadRedirectError extends PullError {
  readonly code = 'BAD_REDIRECT';
  readonly reason = 'BadRedirect';
  readonly retryable = false;
}

/** The certificate of the source is not trusted. */
export class UntrustedCertificateError extends PullError {
  readonly code = 'UNTRUSTED_CERTIFICATE';
  readonly reason = 'UntrustedCertificate';
  readonly retryable = false;
}

/** The proxy named by HTTP_PROXY or HTTPS_PROXY cannot be reached, or does not answer. */
export class ProxyUnavailableError extends PullError {
  readonly code = 'PROXY_UNAVAILABLE';
  readonly reason = 'ProxyUnavailable';
  readonly retryable = true;
}

/** The proxy refuses the request: it requires other credentials, or cannot reach or does not allow the source. */
export class ProxyRefusedError extends PullError {
  readonly code = 'PROXY_REFUSED';
  readonly reason = 'ProxyRefused';
  readonly retryable = true;
}

/** The source cannot answer now: 5xx, refused or reset connections, names that do not resolve. */
export class SourceUnavailableError extends PullError {
  readonly code = 'SOURCE_UNAVAILABLE';
  readonly reason = 'SourceUnavailable';
  readonly retryable = true;
}

/** The source asks for fewer requests. */
export class TooManyRequestsError extends PullError {
  readonly code = 'TOO_MANY_REQUESTS';
  readonly reason = 'TooManyRequests';
  readonly retryable = true;
}

/** The source did not answer in time. */
export class SourceTimeoutError extends PullError {
  readonly code = 'SOURCE_TIMEOUT';
  readonly reason = 'SourceTimeout';
  readonly retryable = true;
}

/** The source sends too slowly for the download to finish. */
export class SourceTooSlowError extends PullError {
  readonly code = 'SOURCE_TOO_SLOW';
  readonly reason = 'SourceTooSlow';
  readonly retryable = true;
}

/** Fewer or more bytes than announced. */
export class WrongLengthError extends PullError {
  readonly code = 'WRONG_LENGTH';
  readonly reason = 'WrongLength';
  readonly retryable = true;
}

/** The bytes do not match what the source, or the URI, says. */
export class ChecksumMismatchError extends PullError {
  readonly code = 'CHECKSUM_MISMATCH';
  readonly reason = 'ChecksumMismatch';
  readonly retryable = true;
}

/** The object was replaced between two requests for parts of it. */
export class SourceChangedError extends PullError {
  readonly code = 'SOURCE_CHANGED';
  readonly reason = 'SourceChanged';
  readonly retryable = true;
}

/** The model volume has no space for the model. */
export class DiskFullError extends PullError {
  readonly code = 'DISK_FULL';
  readonly reason = 'DiskFull';
  readonly retryable = true;
}

/** A name in an archive or a listing that must not become a file. */
export class UnsafePathError extends PullError {
  readonly code = 'UNSAFE_PATH';
  readonly reason = 'UnsafePath';
  readonly retryable = false;
}

/** Two entries that cannot both exist in one directory tree. */
export class DuplicateEntryError extends PullError {
  readonly code = 'DUPLICATE_ENTRY';
  readonly reason = 'DuplicateEntry';
  readonly retryable = false;
}

/** A link, device, pipe or socket. */
export class UnsafeEntryError extends PullError {
  readonly code = 'UNSAFE_ENTRY';
  readonly reason = 'UnsafeEntry';
  readonly retryable = false;
}

/** An archive is damaged, or its format is not the one its name says. */
export class BadArchiveError extends PullError {
  readonly code = 'BAD_ARCHIVE';
  readonly reason = 'BadArchive';
  readonly retryable = false;
}

/** The model has more files, or larger ones, than the limits allow. */
export class LimitExceededError extends PullError {
  readonly code = 'LIMIT_EXCEEDED';
  readonly reason = 'LimitExceeded';
  readonly retryable = false;
}

/** Something already exists where the model should go. */
export class DestinationExistsError extends PullError {
  readonly code = 'DESTINATION_EXISTS';
  readonly reason = 'DestinationExists';
  readonly retryable = false;
}

/** The pull was cancelled: the model, or this version of it, is no longer wanted. */
export class PullAbortedError extends PullError {
  readonly code = 'PULL_ABORTED';
  readonly reason = 'Aborted';
  readonly retryable = true;
}

/** The puller's process ended during the pull. */
export class PullerCrashedError extends PullError {
  readonly code = 'PULLER_CRASHED';
  readonly reason = 'PullerCrashed';
  readonly retryable = true;
}

/** None of the above. The cause has the details. */
export class UnexpectedPullError extends PullError {
  readonly code = 'UNEXPECTED';
  readonly reason = 'Unexpected';
  readonly retryable = true;
}
