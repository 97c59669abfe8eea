/** A request to the component that failed before any byte of an answer. */
export interface FailedAttempt {
  readonly method: string;
  /** A header of the client says that the request may be repeated. */
  readonly hasIdempotencyKey: boolean;
  /** Whether the connection had served a request before. A fresh one has no reason to close. */
  readonly isReused: boolean;
  /** What was given to the connection. */
  readonly sent:
    | 'nothing'
    /** All of it in one write, small enough to travel in one piece. */
    | 'whole'
    /** All of it, and it is still available to send again. */
    | 'kept'
    /** A part of it, and what was sent is no longer available. */
    | 'part';
  /** How the connection ended. */
  readonly end:
    /** The kernel accepted nothing: the connection was reset before. */
    | 'refused'
    /** The component closed it, and then sent a reset in answer to later bytes. */
    | 'closed-before'
    /** In any other way. */
    | 'other';
}

/** Methods that change nothing, and may therefore be sent twice: RFC 9110 section 9.2.1. */
const SAFE = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE']);

/**
 * Whether a request cannot have been acted on, or may be acted on twice. A component closes a kept connection at any
 * time, and a request may be on its way just then. Go's transport, which KServe's agent uses, retries requests of which
 * nothing was written, and those that are safe or carry an Idempotency-Key (net/http: shouldRetryRequest). Envoy calls
 * the former "reset-before-request". In addition, this retries a request that reached a closed connection: the
 * component had announced the close before the request came, and its system answered the request with a reset. A
 * request that travels in one piece is then unread. Of a longer one the first part may have been read.
 */
export function mayBeSentAgain({ method, hasIdempotencyKey, isReused, sent, end }: FailedAttempt): boolean {
  if (!isReused || sent === 'part') return false;
  if (sent === 'nothing' || hasIdempotencyKey || SAFE.has(method)) return true;
  return sent === 'whole' && end !== 'other';
}
