import { statfsSync } from 'node:fs';
import { DiskFullError } from '../sources/errors.ts';

/** One file's reservation on the volume. */
interface Claim {
  /** Called with the bytes that are now on the volume and need no more room. */
  wrote(bytes: number): void;
  release(): void;
}

/**
 * Keeps one large model from filling the volume and failing all the others. A file of known size starts only if it fits
 * beside what the running downloads still have to write.
 */
export interface DiskRoom {
  /** @throws DiskFullError */
  claim(directory: string, bytes: number): Claim;
}

export function createDiskRoom(): DiskRoom {
  let outstanding = 0;
  return {
    claim: (directory, bytes) => {
      const { bavail, bsize } = statfsSync(directory);
      const free = bavail * bsize;
      if (outstanding + bytes > free) {
        throw new DiskFullError(
          `a file of ${bytes} bytes does not fit: the model volume has ${free} bytes free, and other downloads need ` +
            `${outstanding} of them. Free some space, or make the volume larger.`,
        );
      }
      let remaining = bytes;
      outstanding += bytes;
      const give = (amount: number): void => {
        const given = Math.min(amount, remaining);
        remaining -= given;
        outstanding -= given;
      };
      return { wrote: give, release: () => give(remaining) };
    },
  };
}
