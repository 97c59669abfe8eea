import { createHash } from 'node:crypto';
import { arch } from 'node:os';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startFaultServer } from '../support/fault-server.ts';
import { pullOnce, texts } from '../support/pulling.ts';
import { startRegistry } from '../support/registry.ts';
import type { ArtifactLayer, TestRegistry } from '../support/registry.ts';
import { tar } from '../support/tar-writer.ts';

const INDEX = 'application/vnd.oci.image.index.v1+json';
const DOCKER_LIST = 'application/vnd.docker.distribution.manifest.list.v2+json';
const OCI_IMAGE = 'application/vnd.oci.image.manifest.v1+json';
const TITLE = 'org.opencontainers.image.title';
const HERE = { os: 'linux', architecture: arch() === 'x64' ? 'amd64' : arch() };
const ELSEWHERE = { os: 'linux', architecture: 's390x' };

let registry: TestRegistry;
beforeAll(async () => {
  registry = await startRegistry();
});
afterAll(() => registry.stop());

const pull = (tag: string) => pullOnce(`oci://${registry.host}/models/k:${tag}`);
const titled = (name: string, content: string): ArtifactLayer => ({
  content,
  mediaType: 'application/octet-stream',
  annotations: { [TITLE]: name },
});
const modelcar = (content: string) => tar([{ name: 'models/w.bin', body: content }]);

describe('modelcar images as builders write them', () => {
  it.each<[string, { layer: string; config: string; manifest: string }, (layer: Buffer) => Buffer]>([
    [
      'OCI',
      {
        layer: 'application/vnd.oci.image.layer.v1.tar',
        config: 'application/vnd.oci.image.config.v1+json',
        manifest: OCI_IMAGE,
      },
      (layer) => layer,
    ],
    [
      'OCI, gzip',
      {
        layer: 'application/vnd.oci.image.layer.v1.tar+gzip',
        config: 'application/vnd.oci.image.config.v1+json',
        manifest: OCI_IMAGE,
      },
      gzipSync,
    ],
    [
      'OCI, zstd',
      {
        layer: 'application/vnd.oci.image.layer.v1.tar+zstd',
        config: 'application/vnd.oci.image.config.v1+json',
        manifest: OCI_IMAGE,
      },
      zstdCompressSync,
    ],
    [
      'OCI, nondistributable',
      {
        layer: 'application/vnd.oci.image.layer.nondistributable.v1.tar+gzip',
        config: 'application/vnd.oci.image.config.v1+json',
        manifest: OCI_IMAGE,
      },
      gzipSync,
    ],
    [
      'Docker',
      {
        layer: 'application/vnd.docker.image.rootfs.diff.tar.gzip',
        config: 'application/vnd.docker.container.image.v1+json',
        manifest: 'application/vnd.docker.distribution.manifest.v2+json',
      },
      gzipSync,
    ],
    [
      'Docker, with a layer marked as gzip that is not',
      {
        layer: 'application/vnd.docker.image.rootfs.diff.tar.gzip',
        config: 'application/vnd.docker.container.image.v1+json',
        manifest: 'application/vnd.docker.distribution.manifest.v2+json',
      },
      (layer) => layer,
    ],
  ])('%s', async (_, { layer, config, manifest }, pack) => {
    const layers = [{ content: pack(modelcar('weights')), mediaType: layer, annotations: {} }];
    await registry.putLayers('models/k', 'car', layers, { config, manifest });
    expect(texts(await pull('car'))).toEqual({ 'w.bin': 'weights' });
  });
});

describe('an index', () => {
  /** Stores these images and an index of them in this order. Returns the index's descriptor for another index. */
  async function putIndex(
    tag: string,
    images: readonly (readonly [content: string, more: object])[],
    mediaType = INDEX,
  ): Promise<object> {
    const manifests: object[] = [];
    for (const [index, [content, more]] of images.entries()) {
      const described = await registry.putLayers('models/k', `${tag}-${index}`, [titled('w.bin', content)]);
      manifests.push({ ...described, ...more });
    }
    return registry.putManifest('models/k', tag, mediaType, { schemaVersion: 2, mediaType, manifests });
  }

  const ATTESTATION = {
    platform: { os: 'unknown', architecture: 'unknown' },
    annotations: { 'vnd.docker.reference.type': 'attestation-manifest' },
  };

  it.each<[string, (readonly [string, object])[], string]>([
    [
      'for this machine, after another',
      [
        ['other', { platform: ELSEWHERE }],
        ['mine', { platform: HERE }],
      ],
      INDEX,
    ],
    ['without a platform', [['mine', {}]], INDEX],
    [
      'for this machine, beside one without a platform',
      [
        ['any', {}],
        ['mine', { platform: HERE }],
      ],
      INDEX,
    ],
    [
      'beside its attestation',
      [
        ['no', ATTESTATION],
        ['mine', { platform: HERE }],
      ],
      INDEX,
    ],
    [
      'beside its attestation, without a platform',
      [
        ['no', { annotations: ATTESTATION.annotations }],
        ['mine', {}],
      ],
      INDEX,
    ],
    [
      'of Docker',
      [
        ['other', { platform: ELSEWHERE }],
        ['mine', { platform: HERE }],
      ],
      DOCKER_LIST,
    ],
  ])('selects the image %s', async (_, images, mediaType) => {
    await putIndex('index', images, mediaType);
    expect(texts(await pull('index'))).toEqual({ 'w.bin': 'mine' });
  });

  it('without an image for this machine names the platforms it has', async () => {
    await putIndex('foreign', [['other', { platform: ELSEWHERE }]]);
    const { result } = await pull('foreign');
    expect(result).toMatchObject({ kind: 'failed', reason: 'NotFound', retry: 'rarely' });
    expect(result).toMatchObject({ message: expect.stringContaining('linux/s390x') });
  });

  it.each([
    [1, 'pulled'],
    [2, 'pulled'],
    [3, 'failed'],
    [20, 'failed'],
  ])('nested %d deep is %s', async (depth, kind) => {
    let inner = await putIndex('deep', [['mine', { platform: HERE }]]);
    for (let level = 0; level < depth; level += 1) {
      const body = { schemaVersion: 2, mediaType: INDEX, manifests: [inner] };
      inner = await registry.putManifest('models/k', 'deep', INDEX, body);
    }
    const pulled = await pull('deep');
    expect(pulled.result.kind).toBe(kind);
    if (kind === 'failed') expect(pulled.result).toMatchObject({ reason: 'BadArchive', retry: 'rarely' });
    else expect(texts(pulled)).toEqual({ 'w.bin': 'mine' });
  });
});

describe('what current clients do not write, or this registry does not store', () => {
  const server = startFaultServer();
  afterAll(async () => (await server).stop());
  const sha = (algorithm: 'sha256' | 'sha512', content: string) =>
    `${algorithm}:${createHash(algorithm).update(content).digest('hex')}`;

  async function serve(manifest: object, blobs: Readonly<Record<string, string>> = {}): Promise<string> {
    const { serveAt, url } = await server;
    const text = JSON.stringify(manifest);
    for (const reference of ['v1', sha('sha256', text), sha('sha512', text)])
      serveAt(`/v2/models/m1/manifests/${reference}`, (_, response) => void response.end(text));
    for (const [digest, content] of Object.entries(blobs))
      serveAt(`/v2/models/m1/blobs/${digest}`, (_, response) => void response.end(content));
    return `oci://${new URL(url).host}/models/m1`;
  }
  const layer = (digest: string) => ({
    ...{ mediaType: 'application/octet-stream', digest, size: 7 },
    annotations: { [TITLE]: 'w.bin' },
  });

  it('checks a layer by sha512, and fetches a manifest by sha512', async () => {
    const digest = sha('sha512', 'weights');
    const manifest = { schemaVersion: 2, layers: [layer(digest)] };
    const uri = await serve(manifest, { [digest]: 'weights' });
    for (const reference of [':v1', `@${sha('sha512', JSON.stringify(manifest))}`])
      expect(texts(await pullOnce(uri + reference))).toEqual({ 'w.bin': 'weights' });
  });

  it.each(['sha256', 'sha512'] as const)('refuses bytes with another %s', async (algorithm) => {
    const digest = sha(algorithm, 'others!');
    const uri = await serve({ schemaVersion: 2, layers: [layer(digest)] }, { [digest]: 'weights' });
    expect((await pullOnce(`${uri}:v1`)).result).toMatchObject({ reason: 'ChecksumMismatch' });
  });

  it.each([
    ['schema 1', { schemaVersion: 1, name: 'm1', fsLayers: [{ blobSum: sha('sha256', '') }], history: [] }],
    [
      'schema 1, signed',
      {
        schemaVersion: 1,
        mediaType: 'application/vnd.docker.distribution.manifest.v1+prettyjws',
        fsLayers: [],
      },
    ],
    [
      'a layer of an unknown type',
      {
        schemaVersion: 2,
        layers: [{ mediaType: 'application/x-other', digest: sha('sha256', 'a'), size: 1 }],
      },
    ],
  ])('%s is refused with a reason', async (_, manifest) => {
    const { result } = await pullOnce(`${await serve(manifest)}:v1`);
    expect(result).toMatchObject({ kind: 'failed', reason: 'UnsupportedSource', retry: 'rarely' });
  });

  it('an artifact may mix layers of files and directories, with an ignored empty one', async () => {
    const packed = gzipSync(tar([{ name: 'dir/a.bin', body: 'a' }])).toString('latin1');
    const bytes = Buffer.from(packed, 'latin1');
    const digest = `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
    const { serveAt } = await server;
    const empty = { mediaType: 'application/vnd.oci.empty.v1+json', digest: sha('sha256', '{}'), size: 2 };
    const directory = {
      mediaType: 'application/vnd.oci.image.layer.v1.tar+gzip',
      digest,
      size: bytes.length,
      annotations: { [TITLE]: 'dir', 'io.deis.oras.content.unpack': 'true' },
    };
    const file = sha('sha256', 'weights');
    const uri = await serve(
      { schemaVersion: 2, layers: [empty, layer(file), directory] },
      { [file]: 'weights' },
    );
    serveAt(`/v2/models/m1/blobs/${digest}`, (_, response) => void response.end(bytes));
    expect(texts(await pullOnce(`${uri}:v1`))).toEqual({ 'w.bin': 'weights', 'dir/a.bin': 'a' });
  });
});
