import { BadArchiveError, PullError } from './errors.ts';
import { isError } from './is-error.ts';
import { printable } from './redact.ts';

/** The supported archive formats. */
export type ArchiveKind = 'tar' | 'zip';

/** By the extension of the URI's path. */
const BY_EXTENSION: readonly (readonly [string, ArchiveKind])[] = [
  ['.zip', 'zip'],
  ['.tar', 'tar'],
  ['.tar.gz', 'tar'],
  ['.tgz', 'tar'],
];

/** By media type, as KServe's agent does. Source: KServe v0.17, pkg/agent/storage/https.go. */
const BY_MEDIA_TYPE: ReadonlyMap<string, ArchiveKind> = new Map([
  ['application/zip', 'zip'],
  ['application/x-tar', 'tar'],
  ['application/x-gtar', 'tar'],
  ['application/x-gzip', 'tar'],
  ['application/gzip', 'tar'],
]);

/**
 * The archive format of a download, or undefined if it is not unpacked. The URI's extension decides. The media type
 * counts only for a name without an extension, so `model.json.gz` or `weights.npz` is never unpacked.
 */
export function archiveKindOf(fileName: string, mediaType: string | undefined): ArchiveKind | undefined {
  const lower = fileName.toLowerCase();
  const known = BY_EXTENSION.find(([extension]) => lower.endsWith(extension));
  if (known !== undefined) return known[1];
  if (lower.includes('.')) return undefined;
  return BY_MEDIA_TYPE.get((mediaType ?? '').split(';')[0]?.trim().toLowerCase() ?? '');
}

/**
 * One fault can set off several errors. This picks the one to report: ours, then the file system's, else the parser's
 * as a BadArchiveError.
 */
export function archiveFault(thrown: readonly unknown[]): unknown {
  const ours = thrown.find((error) => error instanceof PullError);
  if (ours !== undefined) return ours;
  const system = thrown.find(isSystemError);
  if (system !== undefined) return system;
  const parser = thrown.find((error) => isError(error));
  const detail = parser === undefined ? 'it cannot be read' : printable(parser.message);
  return new BadArchiveError(`the archive is damaged or not of its kind: ${detail}`, { cause: parser });
}

function isSystemError(error: unknown): boolean {
  return isError(error) && 'syscall' in error && 'errno' in error;
}
