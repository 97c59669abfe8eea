import { archiveKindOf } from '../sources/archive.ts';
import { baseName } from '../sources/relative-path.ts';
import type { RemoteFile } from '../sources/source.ts';
import { protocolOf } from '../sources/sources.ts';

/**
 * What the agent fetches in its own process, as KServe's does: a few files of known size from a web server or a local directory. It
 * forwards requests in that process, so nothing that takes its time or memory is among them, and nothing that can end it: no
 * archive, nothing compressed, no client of an object store, no volume of a network, no answer without a length.
 */
export const NEAR = { bytes: 4 * 1024 ** 2, files: 100, atOnce: 16 } as const;

/** A file that comes in buffers that are used again may have so many: half a second of this process's time. */
export const NEAR_REUSED_BYTES = 512 * 1024 ** 2;

/**
 * All models together, in so many milliseconds. V8 sees the buffers of downloads late as garbage: 90 models of 1 MB, all fetched here,
 * left the agent 47 MiB larger; and so do the requests for thousands of small ones.
 */
export const NEAR_BUDGET = { bytes: 4 * 1024 ** 2, models: 200, everyMs: 60_000 } as const;

/** False where the URI says already that the model is for the puller's process. */
export function mayBeNear(storageUri: string): boolean {
  try {
    const protocol = protocolOf(storageUri);
    // A network file system may hang, and the threads that read from it: that is for a process that can be killed.
    if (protocol === 'file') return !/^pvc:/i.test(storageUri);
    return (
      protocol === 'http' && archiveKindOf(baseName(new URL(storageUri).pathname), undefined) === undefined
    );
  } catch {
    return false;
  }
}

type NearFile = Pick<RemoteFile, 'size' | 'unpacking' | 'decode' | 'reusesBuffers'>;

/** Whether a file may come, too, after these many of its model. */
export function isNear(
  { files, bytes }: { readonly files: number; readonly bytes: number },
  { size, unpacking, decode, reusesBuffers }: NearFile,
): boolean {
  const isPlain = unpacking === undefined && decode === undefined;
  const most = reusesBuffers === true ? NEAR_REUSED_BYTES : NEAR.bytes;
  return isPlain && size !== undefined && bytes + size <= most && files < NEAR.files;
}
