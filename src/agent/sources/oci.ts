import { arch } from 'node:os';
import { BadArchiveError, NotFoundError, UnsafePathError, UnsupportedSourceError } from './errors.ts';
import { openHttpFile } from './http-file.ts';
import { selectModel } from './oci-layers.ts';
import { readManifest } from './oci-manifest.ts';
import type { Descriptor, Manifest } from './oci-manifest.ts';
import { createOciRegistry } from './oci-registry.ts';
import type { OciRegistry } from './oci-registry.ts';
import { parseOciUri } from './oci-uri.ts';
import { printable, shownUri } from './redact.ts';
import type { RemoteFile, Source, SourceContext, Unpacking } from './source.ts';

const IMAGE_CONFIGS: ReadonlySet<string> = new Set([
  'application/vnd.oci.image.config.v1+json',
  'application/vnd.docker.container.image.v1+json',
]);
/** ORAS names an artifact's files this way. */
const TITLE = 'org.opencontainers.image.title';
const UNPACK = 'io.deis.oras.content.unpack';
/** Images name processors as Go does. */
const GO_ARCHITECTURE = new Map([['x64', 'amd64']]);

/**
 * `oci://registry/repository:tag`: of an image, the files below `/models`, as KServe's modelcars have them; of an
 * artifact, each layer as the file its title names. Every blob is checked against its digest.
 */
export function createOciSource({ env, http }: SourceContext): Source {
  return {
    find: async (uri, signal) => {
      const place = parseOciUri(uri);
      const registry = createOciRegistry(http, env, place, uri);
      const { manifest, digest } = await imageManifest(registry, place.reference, uri, signal);
      const { layers } = manifest;
      // Early versions of ORAS gave artifacts the config of an image; an image's layers have no names.
      const isImage =
        IMAGE_CONFIGS.has(manifest.configType) && !layers.some((layer) => nameOf(layer) !== undefined);
      const files = isImage ? imageLayers(registry, layers) : artifactFiles(registry, layers, uri);
      return { files, version: digest };
    },
    close: () => Promise.resolve(),
  };
}

async function imageManifest(
  registry: OciRegistry,
  reference: string,
  uri: string,
  signal: AbortSignal,
): Promise<{ manifest: Manifest; digest: string }> {
  const { value, digest } = await registry.manifest(reference, signal);
  const manifest = soundManifest(value, uri);
  if (manifest.manifests === undefined) return { manifest, digest };
  const architecture = GO_ARCHITECTURE.get(arch()) ?? arch();
  const fits = manifest.manifests.find(({ platform }) => {
    return platform === undefined || (platform.os === 'linux' && platform.architecture === architecture);
  });
  if (fits === undefined)
    throw new NotFoundError(`${shownUri(uri)}: it has no image for linux/${architecture}`);
  const inner = await registry.manifest(fits.digest, signal);
  return { manifest: soundManifest(inner.value, uri), digest };
}

function soundManifest(value: unknown, uri: string): Manifest {
  const manifest = readManifest(value);
  if (manifest === undefined) throw new BadArchiveError(`${shownUri(uri)}: its manifest has no sound layers`);
  return manifest;
}

async function* imageLayers(
  registry: OciRegistry,
  layers: readonly Descriptor[],
): AsyncGenerator<RemoteFile> {
  const selection = selectModel();
  await Promise.resolve();
  for (const layer of layers.toReversed()) {
    // Unpacked one after the other: the generator goes on when the layer before is done.
    yield blobFile(registry, layer, 'layer.tar', { kind: 'tar', rename: selection.rename });
    selection.layerDone();
  }
}

async function* artifactFiles(
  registry: OciRegistry,
  layers: readonly Descriptor[],
  uri: string,
): AsyncGenerator<RemoteFile> {
  await Promise.resolve();
  for (const layer of layers) {
    const title = nameOf(layer);
    const unpacking = unpackingOf(layer, title);
    if (title === undefined && unpacking === undefined) {
      throw new UnsupportedSourceError(
        `${shownUri(uri)}: a layer of type ${printable(layer.mediaType)} has no title that names its file`,
      );
    }
    yield blobFile(registry, layer, title ?? 'layer.tar', unpacking);
  }
}

/** What the layer is to be called in the model, by ORAS, by ModelPack, and by ModelPack under its first name. */
function nameOf({ annotations }: Descriptor): string | undefined {
  return [TITLE, 'org.cncf.model.filepath', 'org.cnai.model.filepath']
    .map((key) => annotations.get(key))
    .find((name) => name !== undefined && name !== '');
}

/**
 * As the clients do: ORAS packs a directory, marks the layer, and names its entries below the title; ModelPack's and
 * KitOps's tars hold their paths themselves. Sources: oras-go content/file, modelpack/modctl pkg/codec.
 */
function unpackingOf(
  { mediaType, annotations }: Descriptor,
  title: string | undefined,
): Unpacking | undefined {
  if (title !== undefined && annotations.get(UNPACK) === 'true') {
    return { kind: 'tar', rename: (name) => below(title, name) };
  }
  const isTar = /[.+]tar([+.](gzip|zstd))?$/.test(mediaType);
  const isOfModel = /^application\/vnd\.(cncf|cnai|kitops|docker\.ai)\./.test(mediaType);
  return isTar && (title === undefined || isOfModel) ? { kind: 'tar' } : undefined;
}

function below(title: string, name: string): string {
  const [directory, entry] = [title, name].map((path) => path.replace(/^(\.\/)+|\/+$|^\.$/g, ''));
  if (directory === '' || entry === directory || entry?.startsWith(`${directory ?? ''}/`) === true)
    return name;
  throw new UnsafePathError(
    `'${printable(name)}' is outside of '${printable(title)}', which its layer is to fill`,
  );
}

function blobFile(
  { blobUrl, headersFor, http }: OciRegistry,
  { digest, size }: Descriptor,
  path: string,
  unpacking: Unpacking | undefined,
): RemoteFile {
  const digests = [{ algorithm: 'sha256', hex: digest.replace('sha256:', '') }] as const;
  const file = { http, url: blobUrl(digest), headersFor, size, digests };
  return {
    path,
    size,
    ...(unpacking === undefined ? {} : { unpacking }),
    // The digest in the URL pins the content.
    open: async (range, signal) => ({
      ...(await openHttpFile(file, { ...range, tag: undefined }, signal)),
      tag: digest,
    }),
  };
}
