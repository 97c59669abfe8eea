/** A request to the component that failed before anything of an answer came. */
export interface FailedAttempt {
  readonly method: string;
  /** The client says by a header that the request may come twice. */
  readonly hasIdempotencyKey: boolean;
  /** Whether the connection had served a request before: a fresh one has no reason to close. */
  readonly isReused: boolean;
  /** What had been given to the connection. */
  readonly sent:
    | 'nothing'
    /** All of it in one write, small enough to travel whole. */
    | 'whole'
    /** All of it, and it is still there to be sent again. */
    | 'kept'
    /** Some of it, and what was sent is gone. */
    | 'part';
  /** How the connection ended. */
  readonly end:
    /** The kernel took nothing: the connection was reset before. */
    | 'refused'
    /** It was closed by the component, which then sent a reset in answer to what came after that. */
    | 'closed-before'
    /** In any other way. */
    | 'other';
}

/** Methods by which nothing is changed, and so may be sent twice: RFC 9110 section 9.2.1. */
const SAFE = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE']);

/**
 * Whether a request cannot have been acted on, or may be acted on twice. A component closes a connection that it has kept
 * when it pleases, and a request may be on its way just then. Go's transport, which KServe's agent uses, tries again what it
 * has written nothing of and what is safe or carries an Idempotency-Key (net/http: shouldRetryRequest); Envoy calls the
 * former "reset-before-request". Beyond those, a request is tried again that reached a closed connection: the component
 * had said that it was closing before the request came, and its system answered the request with a reset. A request that
 * travels in one piece is then unread; of a longer one the first part may have been read.
 */
export function mayBeSentAgain({ method, hasIdempotencyKey, isReused, sent, end }: FailedAttempt): boolean {
  if (!isReused || sent === 'part') return false;
  if (sent === 'nothing' || hasIdempotencyKey || SAFE.has(method)) return true;
  return sent === 'whole' && end !== 'other';
}
