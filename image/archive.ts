import { buffer } from 'node:stream/consumers';
import { pack } from 'tar-stream';
import { ALLOCATOR } from '../src/agent/puller/allocator.decide.ts';
import { USER } from './base-layer.ts';
import { blobOf } from './layer.ts';
import type { Blob, Layer } from './layer.ts';
import type { Platform } from './platform.ts';

export interface ImageFacts {
  readonly platform: Platform;
  readonly version: string;
  readonly licence: string;
  /** Where the sources are. */
  readonly source: string | undefined;
  /** The commit, by its hash. */
  readonly revision: string;
  readonly created: Date;
  /** From the one at the bottom on, each with what put it there. */
  readonly layers: readonly { readonly layer: Layer; readonly createdBy: string }[];
}

/** An image as one file, which `ctr images import`, `docker load`, `podman load` and `skopeo copy oci-archive:` take. */
export interface ImageArchive {
  /** Of the manifest: what a registry and a node know the image by. */
  readonly digest: string;
  readonly content: Buffer;
}

/**
 * The flags that keep the idle agent small; docs/agent-inside.md has the figures. With half the room for new objects the agent
 * collects them so often that it forwards a tenth fewer requests, and saves nothing while it idles.
 */
export const ENTRYPOINT = [
  '/usr/local/bin/node',
  '--max-semi-space-size=2',
  '--v8-pool-size=1',
  '/app/dist/agent.js',
];

const MANIFEST = 'application/vnd.oci.image.manifest.v1+json';

/** The layers as an image and the image as an archive. Source: OCI image specification 1.1. */
export async function imageArchive(facts: ImageFacts): Promise<ImageArchive> {
  const config = jsonBlob('application/vnd.oci.image.config.v1+json', configOf(facts));
  const layers = facts.layers.map(({ layer }) => layer.blob);
  const manifest = jsonBlob(MANIFEST, {
    schemaVersion: 2,
    mediaType: MANIFEST,
    config: descriptor(config),
    layers: layers.map(descriptor),
    annotations: annotationsOf(facts),
  });
  return { digest: manifest.digest, content: await archiveOf(facts, { manifest, config, layers }) };
}

function configOf({ platform, created, layers, ...facts }: ImageFacts): object {
  return {
    created: instant(created),
    architecture: platform.architecture,
    os: 'linux',
    config: {
      User: `${USER.id}:${USER.id}`,
      Env: Object.entries({ PATH: '/usr/local/bin', ...ALLOCATOR }).map(
        ([name, value]) => `${name}=${value}`,
      ),
      Entrypoint: ENTRYPOINT,
      WorkingDir: '/',
      Labels: annotationsOf({ ...facts, created }),
    },
    rootfs: { type: 'layers', diff_ids: layers.map(({ layer }) => layer.diffId) },
    history: layers.map(({ createdBy }) => ({ created: instant(created), created_by: createdBy })),
  };
}

/** Source: OCI image specification, annotations.md. */
function annotationsOf(
  facts: Pick<ImageFacts, 'version' | 'licence' | 'source' | 'revision' | 'created'>,
): Record<string, string> {
  return {
    'org.opencontainers.image.title': 'kserve-mms',
    'org.opencontainers.image.description': 'Multi-model serving for KServe: agent and manager',
    'org.opencontainers.image.version': facts.version,
    'org.opencontainers.image.licenses': facts.licence,
    ...(facts.source === undefined ? {} : { 'org.opencontainers.image.source': facts.source }),
    'org.opencontainers.image.revision': facts.revision,
    'org.opencontainers.image.created': instant(facts.created),
  };
}

interface Parts {
  readonly manifest: Blob;
  readonly config: Blob;
  readonly layers: readonly Blob[];
}

/** An OCI layout; manifest.json beside it is for `docker load` before version 25. */
async function archiveOf({ platform, version }: ImageFacts, parts: Parts): Promise<Buffer> {
  const { manifest, config, layers } = parts;
  const index = {
    schemaVersion: 2,
    mediaType: 'application/vnd.oci.image.index.v1+json',
    manifests: [
      {
        ...descriptor(manifest),
        platform: { architecture: platform.architecture, os: 'linux' },
        annotations: {
          // The name that containerd, and so kubelet, gives to `kserve-mms:<version>`.
          'io.containerd.image.name': `docker.io/library/kserve-mms:${version}`,
          'org.opencontainers.image.ref.name': version,
        },
      },
    ],
  };
  const docker = [
    {
      Config: blobPath(config),
      RepoTags: [`kserve-mms:${version}`],
      Layers: layers.map(blobPath),
    },
  ];
  const archive = pack();
  const content = buffer(archive);
  const add = (name: string, data: Buffer | string): void => {
    archive.entry({ name, mode: 0o644, mtime: new Date(0), uid: 0, gid: 0 }, data);
  };
  add('oci-layout', JSON.stringify({ imageLayoutVersion: '1.0.0' }));
  add('index.json', JSON.stringify(index));
  add('manifest.json', JSON.stringify(docker));
  for (const blob of [manifest, config, ...layers]) add(blobPath(blob), blob.content);
  archive.finalize();
  return content;
}

function jsonBlob(mediaType: string, value: object): Blob {
  return blobOf(mediaType, Buffer.from(JSON.stringify(value)));
}

function descriptor({ mediaType, digest, content }: Blob): {
  mediaType: string;
  digest: string;
  size: number;
} {
  return { mediaType, digest, size: content.length };
}

function blobPath({ digest }: Blob): string {
  return `blobs/${digest.replace(':', '/')}`;
}

/** RFC 3339, to the second. */
function instant(date: Date): string {
  return date.toISOString().replace(/\.\d+Z$/, 'Z');
}
