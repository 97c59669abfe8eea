import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { promisify } from 'node:util';
import { goTool } from './go-tool.ts';
import { freePorts } from '../../src/development/controlplane/ports.ts';
import { startServer } from './server-process.ts';

/** https://github.com/google/go-containerregistry: a registry, and the tool that makes images for it. */
export const CRANE = {
  name: 'crane',
  package: 'github.com/google/go-containerregistry/cmd/crane',
  version: 'v0.22.1',
};

export interface TestRegistry {
  /** `127.0.0.1:<port>` */
  readonly host: string;
  /** Makes an image of tar layers, the lowest first. */
  putImage(name: string, layers: readonly Buffer[]): Promise<void>;
  /** Makes an artifact whose layers are named files, like ORAS. @returns its digest */
  putArtifact(repository: string, tag: string, files: Readonly<Record<string, string>>): Promise<string>;
  /** Makes an artifact or an image of the given layers. @returns its descriptor */
  putLayers(
    repository: string,
    tag: string,
    layers: readonly ArtifactLayer[],
    types?: { readonly config: string; readonly manifest: string },
  ): Promise<Descriptor>;
  /** Stores a manifest of any kind. @returns its descriptor */
  putManifest(repository: string, tag: string, mediaType: string, manifest: object): Promise<Descriptor>;
  stop(): Promise<void>;
}

export interface ArtifactLayer {
  readonly content: Buffer | string;
  readonly mediaType: string;
  readonly annotations: Readonly<Record<string, string>>;
}

/** The descriptor of a manifest in an index. */
interface Descriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
}

const ARTIFACT = {
  config: 'application/vnd.oci.empty.v1+json',
  manifest: 'application/vnd.oci.image.manifest.v1+json',
};

export async function startRegistry(): Promise<TestRegistry> {
  const crane = await goTool(CRANE);
  const root = await mkdtemp(join(tmpdir(), 'kserve-mms-registry-'));
  const [port = 0] = await freePorts(1);
  const host = `127.0.0.1:${port}`;
  const server = await startServer(crane, ['registry', 'serve', '--address', host], {}, async () => {
    return (await fetch(`http://${host}/v2/`)).ok;
  });
  return {
    host,
    putImage: async (name, layers) => {
      const files = await Promise.all(
        layers.map((layer, index) => store(join(root, `layer-${index}.tar`), layer)),
      );
      const args = ['append', '--insecure', ...files.flatMap((file) => ['--new_layer', file])];
      await promisify(execFile)(crane, [...args, '--new_tag', `${host}/${name}`], {
        env: { ...process.env, HOME: root },
      });
    },
    putArtifact: async (repository, tag, files) => {
      const layers = [];
      for (const [title, content] of Object.entries(files)) {
        const annotations = { 'org.opencontainers.image.title': title };
        layers.push({
          ...(await putBlob(host, repository, content, 'application/octet-stream')),
          annotations,
        });
      }
      const config = await putBlob(host, repository, '{}', 'application/vnd.oci.empty.v1+json');
      const mediaType = 'application/vnd.oci.image.manifest.v1+json';
      const manifest = JSON.stringify({
        schemaVersion: 2,
        mediaType,
        artifactType: 'application/x-model',
        config,
        layers,
      });
      const headers = { 'content-type': mediaType };
      await expectOk(
        fetch(`http://${host}/v2/${repository}/manifests/${tag}`, { method: 'PUT', headers, body: manifest }),
      );
      return sha256(manifest);
    },
    putLayers: async (repository, tag, layers, types = ARTIFACT) => {
      const described = [];
      for (const { content, mediaType, annotations } of layers) {
        described.push({ ...(await putBlob(host, repository, content, mediaType)), annotations });
      }
      const config = await putBlob(host, repository, '{}', types.config);
      const manifest = { schemaVersion: 2, mediaType: types.manifest, config, layers: described };
      return putManifest(host, `${repository}/manifests/${tag}`, types.manifest, manifest);
    },
    putManifest: (repository, tag, mediaType, manifest) =>
      putManifest(host, `${repository}/manifests/${tag}`, mediaType, manifest),
    stop: async () => {
      await server.stop();
      await rm(root, { recursive: true, force: true });
    },
  };
}

async function putManifest(
  host: string,
  path: string,
  mediaType: string,
  manifest: object,
): Promise<Descriptor> {
  const body = JSON.stringify(manifest);
  const headers = { 'content-type': mediaType };
  await expectOk(fetch(`http://${host}/v2/${path}`, { method: 'PUT', headers, body }));
  return { mediaType, digest: sha256(body), size: Buffer.byteLength(body) };
}

async function putBlob(
  host: string,
  repository: string,
  content: Buffer | string,
  mediaType: string,
): Promise<object> {
  const digest = sha256(content);
  const upload = await expectOk(fetch(`http://${host}/v2/${repository}/blobs/uploads/`, { method: 'POST' }));
  const url = new URL(upload.headers.get('location') ?? '', `http://${host}`);
  url.searchParams.set('digest', digest);
  await expectOk(fetch(url, { method: 'PUT', body: new Uint8Array(Buffer.from(content)) }));
  return { mediaType, digest, size: Buffer.byteLength(content) };
}

async function expectOk(answer: Promise<Response>): Promise<Response> {
  const response = await answer;
  if (!response.ok) throw new Error(`${response.url}: ${response.status} ${await response.text()}`);
  return response;
}

async function store(file: string, content: Buffer): Promise<string> {
  await writeFile(file, content);
  return file;
}

function sha256(content: Buffer | string): string {
  return `sha256:${createHash('sha256').update(content).digest('hex')}`;
}
