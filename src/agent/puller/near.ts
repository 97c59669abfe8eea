import { archiveKindOf } from '../sources/archive.ts';
import { baseName } from '../sources/relative-path.ts';
import type { RemoteFile } from '../sources/source.ts';
import { protocolOf } from '../sources/sources.ts';

/**
 * What the agent fetches in its own process, as KServe's does: a few files of known size from a web server or a local
 * directory. The process also forwards requests, so nothing that costs much time or memory, or could crash it, is
 * fetched here: no archive, nothing compressed, no object store, no network volume, no answer without a length.
 */
export const NEAR = { bytes: 4 * 1024 ** 2, files: 100, atOnce: 16 } as const;

/** The limit for a file that arrives in reused buffers: half a second of this process's time. */
export const NEAR_REUSED_BYTES = 512 * 1024 ** 2;

/**
 * For all models together, in each period. V8 frees the buffers of downloads late: 90 models of 1 MB, all fetched here,
 * left the agent 47 MiB larger. Requests for thousands of small models do the same.
 */
export const NEAR_BUDGET = { bytes: 4 * 1024 ** 2, models: 200, everyMs: 60_000 } as const;

/** False if the URI already shows that the model needs the puller's process. */
export function mayBeNear(storageUri: string): boolean {
  try {
    const protocol = protocolOf(storageUri);
    // A network file system may hang, and so the threads that read from it: leave it to a process that can be killed.
    if (protocol === 'file') return !/^pvc:/i.test(storageUri);
    return (
      protocol === 'http' && archiveKindOf(baseName(new URL(storageUri).pathname), undefined) === undefined
    );
  } catch {
    return false;
  }
}

type NearFile = Pick<RemoteFile, 'size' | 'unpacking' | 'decode' | 'reusesBuffers'>;

/** Whether another file may be fetched here after these files of its model. */
export function isNear(
  { files, bytes }: { readonly files: number; readonly bytes: number },
  { size, unpacking, decode, reusesBuffers }: NearFile,
): boolean {
  const isPlain = unpacking === undefined && decode === undefined;
  const most = reusesBuffers === true ? NEAR_REUSED_BYTES : NEAR.bytes;
  return isPlain && size !== undefined && bytes + size <= most && files < NEAR.files;
}
