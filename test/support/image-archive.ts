import { createHash } from 'node:crypto';
import { lstat, readdir, readFile, readlink } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { extract } from 'tar-stream';
import type { Header } from 'tar-stream';

export interface TarMember {
  readonly header: Header;
  readonly content: Buffer;
}

interface Descriptor {
  readonly digest: string;
  readonly size: number;
  readonly annotations: Readonly<Record<string, string>>;
}

/** The part of an image's configuration that the tests use. Source: OCI image specification, config.md. */
export interface ImageConfig {
  readonly created: string;
  readonly architecture: string;
  readonly os: string;
  readonly config: {
    readonly User: string;
    readonly Env: readonly string[];
    readonly Entrypoint: readonly string[];
    readonly Labels: Readonly<Record<string, string>>;
  };
  readonly rootfs: { readonly diff_ids: readonly string[] };
}

export interface OpenedImage {
  /** The manifest's entry in the index. */
  readonly entry: Descriptor;
  readonly config: ImageConfig;
  /** manifest.json of `docker save`. */
  readonly docker: { readonly RepoTags: readonly string[]; readonly Layers: readonly string[] };
  /** All members of the layers, lowest first. */
  readonly members: readonly TarMember[];
}

/** Every member of a tar archive, in its order. */
export async function membersOf(tar: Buffer): Promise<TarMember[]> {
  const members: TarMember[] = [];
  const reader = extract();
  reader.end(tar);
  for await (const entry of reader) {
    const chunks: Uint8Array[] = [];
    for await (const chunk of entry) chunks.push(chunk as Uint8Array);
    members.push({ header: entry.header, content: Buffer.concat(chunks) });
  }
  return members;
}

/** Follows the index of an image archive to its files, as a runtime does, and checks every digest. */
export async function openImage(path: string): Promise<OpenedImage> {
  const members = await membersOf(await readFile(path));
  const files = new Map(members.map(({ header, content }) => [header.name, content]));
  const blob = ({ digest, size }: Descriptor): Buffer => {
    const content = files.get(`blobs/${digest.replace(':', '/')}`)!;
    if (digestOf(content) !== digest || content.length !== size) throw new Error(`${digest} is another blob`);
    return content;
  };
  const json = (content: Buffer): unknown => JSON.parse(content.toString('utf8'));
  const index = json(files.get('index.json')!) as { manifests: Descriptor[] };
  const entry = index.manifests[0]!;
  const manifest = json(blob(entry)) as { config: Descriptor; layers: Descriptor[] };
  const config = json(blob(manifest.config)) as ImageConfig;
  const layers = manifest.layers.map((layer) => gunzipSync(blob(layer)));
  if (layers.some((layer, at) => digestOf(layer) !== config.rootfs.diff_ids[at]))
    throw new Error('another diff');
  const [docker] = json(files.get('manifest.json')!) as [OpenedImage['docker']];
  return { entry, config, docker, members: (await Promise.all(layers.map(membersOf))).flat() };
}

function digestOf(content: Buffer): string {
  return `sha256:${createHash('sha256').update(content).digest('hex')}`;
}

/** `0755 app/` and the like, as in fileList. */
export function memberLine({ header: { name, type, mode, linkname } }: TarMember): string {
  return lineOf(name, mode, type === 'symlink' ? linkname : undefined);
}

/**
 * A sorted line for each file, directory and link, with one line for all manifests of a directory, and one for all
 * files of a directory that esbuild names by content.
 */
export function fileList(lines: readonly string[]): string {
  return `${[...new Set(lines)].sort().join('\n')}\n`;
}

/** The same for files in a directory. */
export async function directoryLines(directory: string): Promise<string[]> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  return Promise.all(
    entries.map(async (entry) => {
      const place = join(entry.parentPath, entry.name);
      const link = entry.isSymbolicLink() ? await readlink(place) : undefined;
      const name = `${relative(directory, place)}${entry.isDirectory() ? '/' : ''}`;
      return lineOf(name, (await lstat(place)).mode, link);
    }),
  );
}

function lineOf(path: string, mode: number, link: string | undefined): string {
  const name = path
    // First, since the sum of a pack may be of digits alone.
    .replace(/(-pack-)[0-9a-f]{8}/, '$1*')
    .replace(/[^/]*-[A-Z0-9]{8}(\.js(\.LEGAL\.txt)?)$/, '*$1')
    .replace(/-v[\d.]+(-\w+\.cache)$/, '-*$1')
    .replace(/^(app\/manifests\/.*)\/[^/]+\.yaml$/, '$1/*.yaml');
  return link === undefined
    ? `${name} ${(mode & 0o7777).toString(8).padStart(4, '0')}`
    : `${name} -> ${link}`;
}
