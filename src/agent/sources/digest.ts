import type { DigestAlgorithm } from './digest-sum.ts';
import { ChecksumMismatchError } from './errors.ts';

export interface ExpectedDigest {
  readonly algorithm: DigestAlgorithm;
  /** Lower-case hexadecimal. */
  readonly hex: string;
}

/** Checks one file's bytes, in order, against every digest that its source sent. */
export interface DigestCheck {
  update(chunk: Uint8Array): void;
  /** @throws ChecksumMismatchError naming the first digest that differs. */
  verify(shown: string): Promise<void>;
}

const NO_CHECK: DigestCheck = { update: () => undefined, verify: () => Promise.resolve() };

/** @param totalBytes the size of the whole file. A git blob cannot be checked without it. */
export async function createDigestCheck(
  expected: readonly ExpectedDigest[],
  totalBytes: number | undefined,
): Promise<DigestCheck> {
  if (expected.length === 0) return NO_CHECK;
  // Loaded on demand: many web servers send no digests.
  const { createSum } = await import('./digest-sum.ts');
  const running = expected.map((digest) => ({ digest, sum: createSum(digest.algorithm, totalBytes ?? 0) }));
  return {
    update: (chunk) => running.forEach(({ sum }) => sum.update(chunk)),
    verify: async (shown) => {
      for (const { digest, sum } of running) {
        const actual = await sum.hex();
        if (actual === digest.hex) continue;
        throw new ChecksumMismatchError(
          `${shown}: its ${digest.algorithm} is ${actual}, but the source says ${digest.hex}; ` +
            'the bytes were damaged on the way or in the store. If it stays, upload the file again.',
        );
      }
    },
  };
}

/** Base64, as in HTTP headers and object stores, to lower-case hexadecimal. Undefined if the length is wrong. */
export function hexFromBase64(base64: string, bytes: number): string | undefined {
  const decoded = Buffer.from(base64, 'base64');
  return decoded.length === bytes ? decoded.toString('hex') : undefined;
}
