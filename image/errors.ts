import { MmsError } from '../src/lib/errors.ts';

export type ImageFault =
  | 'UNSUPPORTED_PLATFORM'
  | 'USAGE'
  | 'DIRTY_TREE'
  | 'NO_REVISION'
  | 'NOT_BUILT'
  | 'PACKAGE_UNAVAILABLE'
  | 'PACKAGE_CHANGED'
  | 'WRONG_NODE'
  | 'FILE_MISSING';

/** Why there is no image; the message says what to do. */
export class ImageError extends MmsError {
  readonly code: ImageFault;
  readonly retryable = false;

  constructor(code: ImageFault, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.code = code;
  }
}
