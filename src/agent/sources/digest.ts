import { createHash } from 'node:crypto';
import { AwsCrc32c } from '@aws-crypto/crc32c';
import { ChecksumMismatchError } from './errors.ts';

/** `git-blob` is SHA-1 over `blob <size>\0` and the content: what a git host calls a file that is not in LFS. */
export type DigestAlgorithm = 'md5' | 'sha1' | 'sha256' | 'sha512' | 'crc32c' | 'git-blob';

export interface ExpectedDigest {
  readonly algorithm: DigestAlgorithm;
  /** Lower-case hexadecimal. */
  readonly hex: string;
}

/** Checks one file's bytes, in order, against every digest that its source gave. */
export interface DigestCheck {
  update(chunk: Uint8Array): void;
  /** @throws ChecksumMismatchError naming the first that differs. */
  verify(shown: string): Promise<void>;
}

/** @param totalBytes of the whole file; a git blob cannot be checked without it. */
export function createDigestCheck(
  expected: readonly ExpectedDigest[],
  totalBytes: number | undefined,
): DigestCheck {
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

/** Base64, as HTTP headers and object stores give digests, to lower-case hexadecimal; undefined when the length is wrong. */
export function hexFromBase64(base64: string, bytes: number): string | undefined {
  const decoded = Buffer.from(base64, 'base64');
  return decoded.length === bytes ? decoded.toString('hex') : undefined;
}

interface Sum {
  update(chunk: Uint8Array): void;
  hex(): Promise<string>;
}

function createSum(algorithm: DigestAlgorithm, totalBytes: number): Sum {
  if (algorithm === 'crc32c') {
    const crc = new AwsCrc32c();
    return {
      update: (chunk) => crc.update(chunk),
      hex: async () => Buffer.from(await crc.digest()).toString('hex'),
    };
  }
  const hash = createHash(algorithm === 'git-blob' ? 'sha1' : algorithm);
  if (algorithm === 'git-blob') hash.update(`blob ${totalBytes}\0`);
  return { update: (chunk) => void hash.update(chunk), hex: () => Promise.resolve(hash.digest('hex')) };
}
