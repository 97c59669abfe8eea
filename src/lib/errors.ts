/**
 * The base of every error this project throws on purpose. Callers branch on `code` and `retryable`,
 * never on the message, which is for people: it says what is wrong and what to do about it.
 */
export abstract class MmsError extends Error {
  /** Stable, documented, SCREAMING_SNAKE_CASE. */
  abstract readonly code: string;
  /** True if the same call may succeed later without any change by a person. */
  abstract readonly retryable: boolean;

  constructor(message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = new.target.name;
  }
}

/** The message of anything that was thrown, for logs and conditions. */
export function messageOf(thrown: unknown): string {
  // Not `instanceof Error`: it is false for an error of another realm (node:vm, in which jest runs tests).
  const message =
    typeof thrown === 'object' && thrown !== null && 'message' in thrown ? thrown.message : undefined;
  return typeof message === 'string' ? message : String(thrown);
}
