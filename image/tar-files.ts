import { pipeline } from 'node:stream/promises';
import type { Readable } from 'node:stream';
import { extract } from 'tar-stream';
import type { Header } from 'tar-stream';

/** What a tar archive holds at a path. */
export type TarFile =
  | { readonly kind: 'file'; readonly content: Buffer; readonly mode: number }
  | { readonly kind: 'link'; readonly target: string };

/** The files and symbolic links of an archive by their paths, without a leading `./`; only those that are wanted. */
export async function readTar(
  archive: Readable,
  wanted: (path: string) => boolean,
): Promise<Map<string, TarFile>> {
  const files = new Map<string, TarFile>();
  const reader = extract();
  const take = async ({ name, type, mode, linkname }: Header, stream: AsyncIterable<unknown>) => {
    const path = name.replace(/^\.\//, '');
    const chunks: Uint8Array[] = [];
    for await (const chunk of stream) if (wanted(path)) chunks.push(chunk as Uint8Array);
    if (!wanted(path)) return;
    if (type === 'file') files.set(path, { kind: 'file', content: Buffer.concat(chunks), mode });
    if (type === 'symlink') files.set(path, { kind: 'link', target: linkname });
  };
  reader.on('entry', (header, stream, next) => {
    void take(header, stream).then(() => next(), next);
  });
  await pipeline(archive, reader);
  return files;
}
