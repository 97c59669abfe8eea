/** A request of the agent to the puller. Passed between processes as JSON. */
export interface PullRequest {
  /** The model's name, for messages and progress. Two pulls at once may have the same id. */
  readonly id: string;
  readonly storageUri: string;
  /**
   * Absolute, and does not exist yet. The puller creates and fills it, or leaves nothing. `<destination>.archive` also
   * belongs to the puller.
   */
  readonly destination: string;
}

/** The bytes of the model on disk so far. Sent a few times a second at most. */
export type PullProgress = { readonly id: string; readonly bytes: number };

/**
 * How a pull ended. `version` is the source's name for this state of the model (an ETag, a commit, a digest), if it
 * gives one. `reason` is a CamelCase word valid as a condition's reason; `message` is for people and carries no secret.
 * `soon`: will pass, retry with backoff, and not before `retryAfterMs` (milliseconds) if the source asked for it.
 * `rarely`: a person has to change something first.
 */
export type PullResult =
  | { readonly kind: 'pulled'; readonly bytes: number; readonly files: number; readonly version?: string }
  | {
      readonly kind: 'failed';
      readonly reason: string;
      readonly message: string;
      readonly retry: 'soon' | 'rarely';
      readonly retryAfterMs?: number;
    };

export interface Puller {
  /**
   * Never rejects: every failure, an abort too, is a `failed` result. When it settles, no partial files are left. A
   * pulled model is complete, and not yet flushed to disk: the store flushes it once it is in place.
   */
  pull(request: PullRequest, signal: AbortSignal, onProgress: (p: PullProgress) => void): Promise<PullResult>;
  /** Aborts the running pulls and frees the puller's resources. */
  stop(): Promise<void>;
}
