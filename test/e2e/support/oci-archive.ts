import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, mkdtemp, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { runProgram } from '../../../src/development/controlplane/run-program.ts';

/** Files of one layer, by absolute paths that are the same in the image. */
export interface LayerFiles {
  readonly paths: readonly string[];
  /** tar patterns of files to omit. */
  readonly exclude?: readonly string[];
  /** Replaces symbolic links by their targets, for libraries. */
  readonly dereferenced?: readonly string[];
  /** Directories with their current attributes, without their contents. */
  readonly places?: readonly string[];
  /** Placed below this directory instead of /. */
  readonly root?: string;
}

/** https://github.com/opencontainers/image-spec/blob/main/config.md */
export interface ImageConfig {
  readonly Entrypoint: readonly string[];
  readonly Env?: readonly string[];
  readonly User?: string;
  readonly WorkingDir?: string;
}

export interface ImageRequest {
  /** With registry and tag, as containerd lists it: `docker.io/library/pause:1`. */
  readonly name: string;
  readonly files: LayerFiles;
  readonly config: ImageConfig;
  /** The archive to write. It appears only when it is complete. */
  readonly output: string;
}

/**
 * Writes an image of one layer as an OCI archive for `ctr images import`. It is uncompressed, because only tests use
 * it.
 */
export async function writeOciArchive({ name, files, config, output }: ImageRequest): Promise<void> {
  await mkdir(dirname(output), { recursive: true });
  const work = await mkdtemp(join(dirname(output), '.image-'));
  try {
    const blobs = join(work, 'layout', 'blobs', 'sha256');
    await mkdir(blobs, { recursive: true });
    const layer = await layerOf(files, work, blobs);
    const configBlob = await jsonBlob(blobs, {
      architecture: process.arch === 'x64' ? 'amd64' : process.arch,
      os: 'linux',
      config,
      rootfs: { type: 'layers', diff_ids: [layer.digest] },
    });
    const manifest = await jsonBlob(blobs, {
      schemaVersion: 2,
      mediaType: 'application/vnd.oci.image.manifest.v1+json',
      config: { mediaType: 'application/vnd.oci.image.config.v1+json', ...configBlob },
      layers: [{ mediaType: 'application/vnd.oci.image.layer.v1.tar', ...layer }],
    });
    const entry = {
      mediaType: 'application/vnd.oci.image.manifest.v1+json',
      ...manifest,
      annotations: { 'io.containerd.image.name': name },
    };
    const layout = join(work, 'layout');
    await writeFile(join(layout, 'index.json'), JSON.stringify({ schemaVersion: 2, manifests: [entry] }));
    await writeFile(join(layout, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}');
    const archive = join(work, 'archive.tar');
    await tar('-cf', archive, '-C', layout, '.');
    await rename(archive, output);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

interface Descriptor {
  readonly digest: string;
  readonly size: number;
}

async function layerOf(files: LayerFiles, work: string, blobs: string): Promise<Descriptor> {
  const { paths, exclude = [], dereferenced = [], places = [], root = '/' } = files;
  const file = join(work, 'layer.tar');
  // Everything must be readable for any user that the pod runs as.
  const common = ['--mode=a+rX', '--owner=0', '--group=0', '--numeric-owner', '-C', root];
  const relative = (path: string): string => path.replace(/^\/+/, '');
  await tar(
    '-cf',
    file,
    ...common,
    ...exclude.map((pattern) => `--exclude=${pattern}`),
    '--',
    ...paths.map(relative),
  );
  if (dereferenced.length > 0) await tar('-rf', file, '-h', ...common, '--', ...dereferenced.map(relative));
  if (places.length > 0) {
    await tar('-rf', file, '--no-recursion', ...common, '--', ...places.map(relative));
  }
  const hash = createHash('sha256');
  await pipeline(createReadStream(file), hash);
  const hex = hash.digest('hex');
  const { size } = await stat(file);
  await rename(file, join(blobs, hex));
  return { digest: `sha256:${hex}`, size };
}

async function jsonBlob(blobs: string, content: unknown): Promise<Descriptor> {
  const bytes = Buffer.from(JSON.stringify(content));
  const hex = createHash('sha256').update(bytes).digest('hex');
  await writeFile(join(blobs, hex), bytes);
  return { digest: `sha256:${hex}`, size: bytes.length };
}

function tar(...args: string[]): Promise<string> {
  return runProgram({ command: 'tar', args });
}
