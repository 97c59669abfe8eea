import { mkdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { appLayer } from './app-layer.ts';
import { imageArchive } from './archive.ts';
import { readBase } from './base.ts';
import type { Base } from './base.ts';
import { baseLayer } from './base-layer.ts';
import { readBundled, readJson } from './bundled.ts';
import type { Entry } from './entry.ts';
import { ImageError } from './errors.ts';
import { layerOf } from './layer.ts';
import { noticesOf } from './notices.ts';
import { fetchDebian, fetchNode } from './packages.ts';
import type { PackageTools } from './packages.ts';
import type { Platform } from './platform.ts';
import type { Revision } from './revision.ts';
import { billOfMaterials } from './sbom.ts';

/** The Node that this runs on; its compiled-in authorities go into the image, and its zlib compresses. */
export interface RunningNode {
  readonly version: string;
  readonly authorities: readonly string[];
}

export interface ImageRequest {
  /** The repository, built. */
  readonly root: string;
  readonly platform: Platform;
  readonly tools: PackageTools;
  readonly running: RunningNode;
}

/** What is in the image, and what is known of it. */
export interface ImageContents {
  readonly base: readonly Entry[];
  readonly app: readonly Entry[];
  readonly version: string;
  readonly licence: string;
  /** Where the sources are, as package.json says. */
  readonly source: string | undefined;
  readonly sbom: string;
}

export interface MadeImage {
  readonly archive: string;
  readonly sbom: string;
  readonly digest: string;
  readonly archiveBytes: number;
  readonly unpackedBytes: number;
}

/** @throws {ImageError} WRONG_NODE, PACKAGE_UNAVAILABLE, PACKAGE_CHANGED, FILE_MISSING */
export async function imageContents(request: ImageRequest): Promise<ImageContents> {
  const { root, platform, tools, running } = request;
  const base = await readBase();
  requireSameNode(base, running);
  const about = (await readJson(join(root, 'package.json'))) as {
    version: string;
    license: string;
    repository?: { url: string };
  };
  const { version, license: licence } = about;
  const bundled = await readBundled(root);
  const sbom = billOfMaterials({ version, licence, base, platform, bundled });
  const notices = await noticesOf(root, bundled);
  const node = await fetchNode(base, platform, tools);
  const debian = await fetchDebian(base, platform, tools);
  return {
    base: baseLayer({ base, platform, node, debian, authorities: running.authorities }),
    app: await appLayer(root, platform, { version, licence, sbom, notices }),
    version,
    licence,
    source: about.repository?.url,
    sbom,
  };
}

/** Writes the image's archive and, beside it, its bill of materials. */
export async function writeImage(
  { platform, ...contents }: ImageContents & { readonly platform: Platform },
  revision: Revision,
  directory: string,
): Promise<MadeImage> {
  const layers = [
    { layer: await layerOf(contents.base), createdBy: 'Node and what it is linked to (image/base.json)' },
    { layer: await layerOf(contents.app), createdBy: 'kserve-mms' },
  ];
  const { digest, content } = await imageArchive({
    ...{ platform, layers, version: contents.version, licence: contents.licence, source: contents.source },
    ...{ revision: revision.id, created: revision.created },
  });
  await mkdir(directory, { recursive: true });
  const name = join(directory, `kserve-mms-${contents.version}-${platform.architecture}`);
  const archive = `${name}.oci.tar`;
  // Whole or not at all: what reads it may not wait for this process.
  await writeFile(`${archive}.new`, content);
  await rename(`${archive}.new`, archive);
  await writeFile(`${name}.cdx.json`, contents.sbom);
  const unpackedBytes = layers.reduce((sum, { layer }) => sum + layer.unpackedBytes, 0);
  return { archive, sbom: `${name}.cdx.json`, digest, archiveBytes: content.length, unpackedBytes };
}

function requireSameNode({ node }: Base, running: RunningNode): void {
  if (running.version === node.version) return;
  throw new ImageError(
    'WRONG_NODE',
    `the image is to have Node ${node.version} (image/base.json), and this runs on ${running.version}. ` +
      'Start it with `npm run image`; if the package `node` was updated, update image/base.json as docs/image.md says.',
  );
}
