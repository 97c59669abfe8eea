import { createHash } from 'node:crypto';
import { AwsCrc32c } from '@aws-crypto/crc32c';

/** `git-blob` is SHA-1 over `blob <size>\0` and the content: the name a git host gives a file outside LFS. */
export type DigestAlgorithm = 'md5' | 'sha1' | 'sha256' | 'sha512' | 'crc32c' | 'git-blob';

/** A checksum over bytes that come in parts. */
interface Sum {
  update(chunk: Uint8Array): void;
  hex(): Promise<string>;
}

/** @param totalBytes the size of the whole. Only a git blob's sum needs it. */
export function createSum(algorithm: DigestAlgorithm, totalBytes: number): Sum {
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
