/** Something at a path of the image; owned by root, as everything in it. */
export type Entry =
  | { readonly kind: 'file'; readonly path: string; readonly mode: 0o644 | 0o755; readonly content: Buffer }
  | { readonly kind: 'link'; readonly path: string; readonly target: string };

export function file(path: string, content: string | Buffer, mode: 0o644 | 0o755 = 0o644): Entry {
  return { kind: 'file', path, mode, content: Buffer.from(content) };
}

/** A directory of the image, which only root may write to. */
export interface Directory {
  readonly kind: 'directory';
  readonly path: string;
}

/** The entries with the directories they lie in, in the order of their paths. */
export function withDirectories(entries: readonly Entry[]): (Entry | Directory)[] {
  const paths = new Set<string>();
  for (const { path } of entries) {
    for (let end = path.lastIndexOf('/'); end > 0; end = path.lastIndexOf('/', end - 1)) {
      paths.add(path.slice(0, end));
    }
  }
  const directories = [...paths].map((path): Directory => ({ kind: 'directory', path }));
  // By code units, since a locale would order them differently on another machine.
  return [...entries, ...directories].sort((a, b) => (a.path < b.path ? -1 : 1));
}
