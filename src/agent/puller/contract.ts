/** What the agent asks of the puller; crosses a process boundary as JSON. */
export interface PullRequest {
  /** The model's name, for messages and progress; two pulls at once may carry the same one. */
  readonly id: string;
  readonly storageUri: string;
  /**
   * Absolute, does not exist yet; the puller creates and fills it, or leaves nothing. `<destination>.archive` is the puller's
   * too.
   */
  readonly destination: string;
}

/** How many bytes of the model are on disk so far; sent a few times a second at most. */
export type PullProgress = { readonly id: string; readonly bytes: number };

/**
 * How a pull ended. `version` is what the source calls this state of the model (an ETag, a commit, a digest), where it
 * gives one. `reason` is a CamelCase word fit for a condition; `message` is for people and carries no secret.
 * `soon`: passing, retry with backoff, not before `retryAfterMs` (milliseconds) when the source asked for it;
 * `rarely`: somebody has to change something first.
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
   * Never rejects: every failure, an abort too, is a `failed` result. When it settles, nothing half-made is left. What was pulled
   * is whole, and not yet flushed to disk: the store sees to that once it is in place.
   */
  pull(request: PullRequest, signal: AbortSignal, onProgress: (p: PullProgress) => void): Promise<PullResult>;
  /** Ends the pulls under way as aborted and frees what the puller holds. */
  stop(): Promise<void>;
}
