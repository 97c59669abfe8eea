import { createHash } from 'node:crypto';
import { buffer } from 'node:stream/consumers';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { pack } from 'tar-stream';
import type { Header } from 'tar-stream';
import { withDirectories } from './entry.ts';
import type { Directory, Entry } from './entry.ts';

/** A content-addressed part of an image. */
export interface Blob {
  readonly mediaType: string;
  /** `sha256:…` */
  readonly digest: string;
  readonly content: Buffer;
}

export interface Layer {
  readonly blob: Blob;
  /** The digest of the uncompressed archive, which depends on nothing but its contents. */
  readonly diffId: string;
  readonly unpackedBytes: number;
}

/** Level 9 takes twice as long for a third of a percent. */
const GZIP_LEVEL = 6;
/** The byte of a gzip header that names the operating system; zlib's choice depends on where it was built. */
const GZIP_OS = { offset: 9, unknown: 255 };

/** The entries as a layer: the same bytes for the same entries, in whatever order they come. */
export async function layerOf(entries: readonly Entry[]): Promise<Layer> {
  const tar = await tarOf(entries);
  const content = await promisify(gzip)(tar, { level: GZIP_LEVEL });
  content[GZIP_OS.offset] = GZIP_OS.unknown;
  return {
    blob: blobOf('application/vnd.oci.image.layer.v1.tar+gzip', content),
    diffId: digestOf(tar),
    unpackedBytes: tar.length,
  };
}

export function blobOf(mediaType: string, content: Buffer): Blob {
  return { mediaType, content, digest: digestOf(content) };
}

function digestOf(content: Buffer): string {
  return `sha256:${createHash('sha256').update(content).digest('hex')}`;
}

async function tarOf(entries: readonly Entry[]): Promise<Buffer> {
  const archive = pack();
  const content = buffer(archive);
  for (const entry of withDirectories(entries)) {
    archive.entry(headerOf(entry), entry.kind === 'file' ? entry.content : '');
  }
  archive.finalize();
  return content;
}

/** The time is always 1970, so that a layer whose contents are those of the last release need not be fetched again. */
function headerOf(entry: Entry | Directory): Partial<Header> & { name: string } {
  const common = { uid: 0, gid: 0, uname: '', gname: '', mtime: new Date(0) };
  switch (entry.kind) {
    case 'file':
      return { ...common, name: entry.path, type: 'file', mode: entry.mode, size: entry.content.length };
    case 'link':
      return { ...common, name: entry.path, type: 'symlink', mode: 0o777, linkname: entry.target };
    case 'directory':
      return { ...common, name: `${entry.path}/`, type: 'directory', mode: 0o755 };
  }
}
