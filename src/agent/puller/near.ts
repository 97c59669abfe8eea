import { archiveKindOf } from '../sources/archive.ts';
import { baseName } from '../sources/relative-path.ts';
import type { RemoteFile } from '../sources/source.ts';
import { protocolOf } from '../sources/sources.ts';

/**
 * What the agent fetches in its own process, as KServe's does: a few files of known size from a web server or a volume. It
 * forwards requests in that process, so nothing that takes its time or memory is among them, and nothing that can end it: no
 * archive, no client of an object store, no answer without a length.
 */
export const NEAR = { bytes: 32 * 1024 ** 2, files: 100, atOnce: 16 } as const;

/** False where the URI says already that the model is for the puller's process. */
export function mayBeNear(storageUri: string): boolean {
  try {
    const protocol = protocolOf(storageUri);
    if (protocol === 'file') return true;
    return (
      protocol === 'http' && archiveKindOf(baseName(new URL(storageUri).pathname), undefined) === undefined
    );
  } catch {
    return false;
  }
}

/** Whether a file may come, too, after these many of its model. */
export function isNear(
  { files, bytes }: { readonly files: number; readonly bytes: number },
  { size, unpacking }: Pick<RemoteFile, 'size' | 'unpacking'>,
): boolean {
  return unpacking === undefined && size !== undefined && bytes + size <= NEAR.bytes && files < NEAR.files;
}
