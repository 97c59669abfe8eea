import { statfsSync } from 'node:fs';
import { DiskFullError } from '../sources/errors.ts';

/** One file's claim on the volume. */
interface Claim {
  /** Called with bytes that are on the volume now and so no longer need room. */
  wrote(bytes: number): void;
  release(): void;
}

/**
 * Keeps one large model from filling the volume and failing all the others: a file of known size starts only if it fits
 * beside what the downloads under way still have to write.
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
            `${outstanding} of them. Free some, or give the volume a larger size.`,
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
