import { arch } from 'node:os';
import { BadArchiveError, NotFoundError, UnsupportedSourceError } from './errors.ts';
import { openHttpFile } from './http-file.ts';
import type { HttpClient } from './http-client.ts';
import { selectModel } from './oci-layers.ts';
import { createOciRegistry } from './oci-registry.ts';
import type { OciRegistry } from './oci-registry.ts';
import { parseOciUri } from './oci-uri.ts';
import { printable, shownUri } from './redact.ts';
import type { RemoteFile, Source, SourceContext, Unpacking } from './source.ts';

/** Source: github.com/opencontainers/image-spec, descriptor.md and manifest.md. */
interface Descriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly platform?: { readonly os?: string; readonly architecture?: string };
}

interface Manifest {
  readonly config?: Descriptor;
  readonly layers?: readonly Descriptor[];
  readonly manifests?: readonly Descriptor[];
}

const IMAGE_CONFIGS: ReadonlySet<string> = new Set([
  'application/vnd.oci.image.config.v1+json',
  'application/vnd.docker.container.image.v1+json',
]);
/** ORAS names an artifact's files this way. */
const TITLE = 'org.opencontainers.image.title';
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
      const layers = manifest.layers ?? [];
      if (!layers.every(isSound))
        throw new BadArchiveError(`${shownUri(uri)}: its manifest has no sound layers`);
      const isImage = IMAGE_CONFIGS.has(manifest.config?.mediaType ?? '');
      const files = isImage
        ? imageLayers(registry, http, layers)
        : artifactFiles(registry, http, layers, uri);
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
  const manifest = value as Manifest;
  if (manifest.manifests === undefined) return { manifest, digest };
  const architecture = GO_ARCHITECTURE.get(arch()) ?? arch();
  const fits = manifest.manifests.filter(isSound).find(({ platform }) => {
    return platform === undefined || (platform.os === 'linux' && platform.architecture === architecture);
  });
  if (fits === undefined)
    throw new NotFoundError(`${shownUri(uri)}: it has no image for linux/${architecture}`);
  const inner = await registry.manifest(fits.digest, signal);
  return { manifest: inner.value as Manifest, digest };
}

function isSound({ digest, size, mediaType }: Descriptor): boolean {
  return /^sha256:[0-9a-f]{64}$/.test(digest) && Number.isSafeInteger(size) && typeof mediaType === 'string';
}

async function* imageLayers(
  registry: OciRegistry,
  http: HttpClient,
  layers: readonly Descriptor[],
): AsyncGenerator<RemoteFile> {
  const selection = selectModel();
  await Promise.resolve();
  for (const layer of layers.toReversed()) {
    // Unpacked one after the other: the generator goes on when the layer before is done.
    yield blobFile(registry, http, layer, 'layer.tar', { kind: 'tar', rename: selection.rename });
    selection.layerDone();
  }
}

async function* artifactFiles(
  registry: OciRegistry,
  http: HttpClient,
  layers: readonly Descriptor[],
  uri: string,
): AsyncGenerator<RemoteFile> {
  await Promise.resolve();
  for (const layer of layers) {
    const title = layer.annotations?.[TITLE];
    const isTar = /[.+]tar(\+gzip|\+zstd)?$/.test(layer.mediaType);
    if (title === undefined && !isTar) {
      throw new UnsupportedSourceError(
        `${shownUri(uri)}: a layer of type ${printable(layer.mediaType)} has no title that names its file`,
      );
    }
    const unpacking: Unpacking | undefined = title === undefined ? { kind: 'tar' } : undefined;
    yield blobFile(registry, http, layer, title ?? 'layer.tar', unpacking);
  }
}

function blobFile(
  { blobUrl, headersFor }: OciRegistry,
  http: HttpClient,
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
