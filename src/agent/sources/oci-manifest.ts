import { isRecord } from '../../lib/json.ts';

/** Source: github.com/opencontainers/image-spec, descriptor.md and manifest.md. */
export interface Descriptor {
  readonly mediaType: string;
  readonly digest: string;
  /** In bytes. */
  readonly size: number;
  /** Only those with a text value. */
  readonly annotations: ReadonlyMap<string, string>;
  readonly platform: { readonly os: unknown; readonly architecture: unknown } | undefined;
  /** The type of the artifact; undefined for most images. */
  readonly artifactType: string | undefined;
}

export interface Manifest {
  /** Empty when there is no config. */
  readonly configType: string;
  readonly layers: readonly Descriptor[];
  /** In an index only. Unreadable entries are omitted. */
  readonly manifests: readonly Descriptor[] | undefined;
}

/** Both algorithms registered by OCI. */
export const DIGEST = /^(?:sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})$/;

/** @returns undefined if it is not a manifest, or a layer is unreadable. */
export function readManifest(value: unknown): Manifest | undefined {
  if (!isRecord(value)) return undefined;
  const { config } = value;
  // Go's encoder writes an empty list as null.
  const [layers, manifests] = [value['layers'] ?? [], value['manifests'] ?? undefined];
  if (!Array.isArray(layers) || (manifests !== undefined && !Array.isArray(manifests))) return undefined;
  const read = layers.flatMap(readDescriptor);
  if (read.length !== layers.length) return undefined;
  const configType = isRecord(config) && typeof config['mediaType'] === 'string' ? config['mediaType'] : '';
  return { configType, layers: read, manifests: manifests?.flatMap(readDescriptor) };
}

/** @returns one descriptor, or none if it is invalid. */
function readDescriptor(value: unknown): Descriptor[] {
  if (!isRecord(value)) return [];
  const { mediaType, digest, size, annotations, platform, artifactType } = value;
  if (typeof mediaType !== 'string' || typeof digest !== 'string' || typeof size !== 'number') return [];
  if (!DIGEST.test(digest) || !Number.isSafeInteger(size) || size < 0) return [];
  const texts = Object.entries(isRecord(annotations) ? annotations : {}).filter(
    (entry): entry is [string, string] => typeof entry[1] === 'string',
  );
  const ofPlatform = isRecord(platform)
    ? { os: platform['os'], architecture: platform['architecture'] }
    : undefined;
  const ofArtifact = typeof artifactType === 'string' ? artifactType : undefined;
  const kind = { platform: ofPlatform, artifactType: ofArtifact };
  return [{ mediaType, digest, size, annotations: new Map(texts), ...kind }];
}
