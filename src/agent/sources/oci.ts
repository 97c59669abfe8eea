import { arch } from 'node:os';
import { recordOf } from '../../lib/json.ts';
import { BadArchiveError, NotFoundError, UnsafePathError, UnsupportedSourceError } from './errors.ts';
import { asStored } from './http-client.ts';
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
/** The annotation with which ORAS names an artifact's files. */
const TITLE = 'org.opencontainers.image.title';
const UNPACK = 'io.deis.oras.content.unpack';
/** Marks a manifest in an index as describing another one, like BuildKit's attestations. */
const DESCRIBES = 'vnd.docker.reference.type';
/**
 * Replaces the layers of a manifest without any. Source: image-spec, manifest.md, "Guidance for an Empty Descriptor".
 */
const EMPTY = 'application/vnd.oci.empty.v1+json';
/** The deepest nesting of indexes that is followed. */
const DEEPEST_INDEX = 3;
/** Images use Go's names of processors. */
const GO_ARCHITECTURE = new Map([['x64', 'amd64']]);

/**
 * `oci://registry/repository:tag`: of an image, the files below `/models`, as in KServe's modelcars; of an
 * artifact, each layer as the file its title names. Every blob is checked against its digest.
 */
export function createOciSource({ env, http }: SourceContext): Source {
  return {
    find: async (uri, signal) => {
      const place = parseOciUri(uri);
      const registry = createOciRegistry(http, env, place, uri);
      const { manifest, digest } = await imageManifest(registry, place.reference, uri, signal);
      const layers = manifest.layers.filter(({ mediaType }) => mediaType !== EMPTY);
      // Early versions of ORAS gave artifacts the config of an image. Layers of an image have no titles.
      const isImage =
        IMAGE_CONFIGS.has(manifest.configType) && !layers.some((layer) => nameOf(layer) !== undefined);
      const files = isImage ? imageLayers(registry, layers, uri) : artifactFiles(registry, layers, uri);
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
  const top = await registry.manifest(reference, signal);
  let manifest = soundManifest(top.value, uri);
  for (let depth = 0; manifest.manifests !== undefined; depth += 1) {
    if (depth === DEEPEST_INDEX)
      throw new BadArchiveError(`${shownUri(uri)}: its index leads to indexes only`);
    const { digest } = fittingManifest(manifest.manifests, uri);
    manifest = soundManifest((await registry.manifest(digest, signal)).value, uri);
  }
  return { manifest, digest: top.digest };
}

/**
 * The image for this platform, else one without a platform. Never a manifest that describes another, such as a
 * signature.
 */
function fittingManifest(manifests: readonly Descriptor[], uri: string): Descriptor {
  const architecture = GO_ARCHITECTURE.get(arch()) ?? arch();
  const models = manifests.filter(({ annotations }) => !annotations.has(DESCRIBES));
  const fits =
    models.find(({ platform }) => platform?.os === 'linux' && platform.architecture === architecture) ??
    // A signature usually has an artifactType, an image seldom.
    models.find(({ platform, artifactType }) => platform === undefined && artifactType === undefined) ??
    models.find(({ platform }) => platform === undefined);
  if (fits !== undefined) return fits;
  const others = models.flatMap(({ platform }) =>
    platform === undefined ? [] : [`${String(platform.os)}/${String(platform.architecture)}`],
  );
  throw new NotFoundError(
    `${shownUri(uri)}: it has no image for linux/${architecture}, only for: ${printable(others.join(', ')) || 'nothing'}. ` +
      'Build it for this platform too.',
  );
}

function soundManifest(value: unknown, uri: string): Manifest {
  if (recordOf(value)['schemaVersion'] === 1) {
    throw new UnsupportedSourceError(
      `${shownUri(uri)}: its manifest has Docker's schema version 1, which is not supported. Push it again with a current tool.`,
    );
  }
  const manifest = readManifest(value);
  if (manifest === undefined) throw new BadArchiveError(`${shownUri(uri)}: its manifest has no valid layers`);
  return manifest;
}

async function* imageLayers(
  registry: OciRegistry,
  layers: readonly Descriptor[],
  uri: string,
): AsyncGenerator<RemoteFile> {
  const selection = selectModel();
  await Promise.resolve();
  const other = layers.find(({ mediaType }) => !/[.+]tar([.+-]\w+)*$/.test(mediaType));
  if (other !== undefined) {
    throw new UnsupportedSourceError(
      `${shownUri(uri)}: a layer of type ${printable(other.mediaType)} is neither of an image nor titled with a file name`,
    );
  }
  for (const layer of layers.toReversed()) {
    // Unpacked one after the other: the generator continues when the layer before is done.
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

/** The layer's file name in the model, from the annotation of ORAS, of ModelPack, or ModelPack's older one. */
function nameOf({ annotations }: Descriptor): string | undefined {
  return [TITLE, 'org.cncf.model.filepath', 'org.cnai.model.filepath']
    .map((key) => annotations.get(key))
    .find((name) => name !== undefined && name !== '');
}

/**
 * As the clients do. ORAS packs a directory, marks the layer, and names its entries below the title. The tars of
 * ModelPack and KitOps hold full paths. Sources: oras-go content/file, modelpack/modctl pkg/codec.
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
  const digests = [
    { algorithm: digest.startsWith('sha512') ? 'sha512' : 'sha256', hex: digest.slice('sha512:'.length) },
  ] as const;
  // A storage backend labels gzip layers with Content-Encoding gzip, and means the layer itself.
  const file = { http: asStored(http), url: blobUrl(digest), headersFor, size, digests };
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
