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
/** ORAS names an artifact's files this way. */
const TITLE = 'org.opencontainers.image.title';
const UNPACK = 'io.deis.oras.content.unpack';
/** Says of a manifest in an index that it describes another, as BuildKit's attestations do. */
const TOLD_OF = 'vnd.docker.reference.type';
/** In the place of layers where there are none. Source: image-spec, manifest.md, "Guidance for an Empty Descriptor". */
const EMPTY = 'application/vnd.oci.empty.v1+json';
/** Indexes may hold indexes; more than that is a maze. */
const DEEPEST_INDEX = 3;
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
      const layers = manifest.layers.filter(({ mediaType }) => mediaType !== EMPTY);
      // Early versions of ORAS gave artifacts the config of an image; an image's layers have no names.
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

/** The image of this machine's kind, else what is said to be of none; never what is only told of an image, as signatures are. */
function fittingManifest(manifests: readonly Descriptor[], uri: string): Descriptor {
  const architecture = GO_ARCHITECTURE.get(arch()) ?? arch();
  const models = manifests.filter(({ annotations }) => !annotations.has(TOLD_OF));
  const fits =
    models.find(({ platform }) => platform?.os === 'linux' && platform.architecture === architecture) ??
    // A signature says of which kind it is, an image seldom does.
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
      `${shownUri(uri)}: its manifest is of the first version of Docker's, which is not supported. Push it again with a tool of today.`,
    );
  }
  const manifest = readManifest(value);
  if (manifest === undefined) throw new BadArchiveError(`${shownUri(uri)}: its manifest has no sound layers`);
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
      `${shownUri(uri)}: a layer of type ${printable(other.mediaType)} is neither of an image nor titled with the name of its file`,
    );
  }
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
  const digests = [
    { algorithm: digest.startsWith('sha512') ? 'sha512' : 'sha256', hex: digest.slice('sha512:'.length) },
  ] as const;
  // Storage behind registries says gzip of layers that are gzip, and means the layer itself.
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
