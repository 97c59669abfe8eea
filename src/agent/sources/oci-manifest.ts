import { isRecord } from '../../lib/json.ts';

/** Source: github.com/opencontainers/image-spec, descriptor.md and manifest.md. */
export interface Descriptor {
  readonly mediaType: string;
  readonly digest: string;
  /** In bytes. */
  readonly size: number;
  /** Only those whose values are text. */
  readonly annotations: ReadonlyMap<string, string>;
  readonly platform: { readonly os: unknown; readonly architecture: unknown } | undefined;
  /** What the manifest is of, where it is of no image. */
  readonly artifactType: string | undefined;
}

export interface Manifest {
  /** Empty when there is no config. */
  readonly configType: string;
  readonly layers: readonly Descriptor[];
  /** Of an index only; those that cannot be read are left out. */
  readonly manifests: readonly Descriptor[] | undefined;
}

/** Both algorithms that OCI has registered. */
export const DIGEST = /^(?:sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})$/;

/** @returns undefined when it is no manifest, or one whose layers cannot all be read. */
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

/** @returns one, or none when it is not sound. */
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
