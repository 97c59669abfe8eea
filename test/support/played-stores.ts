import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

/** The content of every file in every store. */
export const CONTENT = 'x';
const DIGEST = createHash('sha256').update(CONTENT).digest('hex');
const MD5_BASE64 = createHash('md5').update(CONTENT).digest('base64');

export type StoreKind = 's3' | 'gs' | 'azure' | 'oci';

/** The stores' listings of one model in the format of their APIs. A test may change the bytes of the answers. */
export interface PlayedStores {
  readonly env: Readonly<Record<string, string>>;
  /** The URI of the model. */
  readonly uris: Readonly<Record<StoreKind, string>>;
  /** The bytes of each answer that lists the files, in order. */
  readonly pages: (kind: StoreKind) => readonly Buffer[];
  /** Replaces one page from now on; undefined: all pages are unchanged again. */
  replace(page: { readonly index: number; readonly bytes: Buffer } | undefined): void;
  stop(): Promise<void>;
}

/** @param files of the model, a list for each page; registries have one page for all */
export async function startPlayedStores(files: readonly (readonly string[])[]): Promise<PlayedStores> {
  let replaced: { readonly index: number; readonly bytes: Buffer } | undefined;
  const pages: Record<StoreKind, readonly Buffer[]> = {
    s3: files.map((names, index) => s3Page(names, nextOf(files, index))),
    gs: files.map((names, index) => gcsPage(names, nextOf(files, index))),
    azure: files.map((names, index) => azurePage(names, nextOf(files, index))),
    oci: [manifest(files.flat())],
  };
  const server = createServer(({ url = '/' }, response) => {
    const { pathname, searchParams: query } = new URL(url, 'http://localhost');
    const kind = listingAt(pathname, query);
    if (kind === undefined) return void response.setHeader('etag', '"7"').end(CONTENT);
    const token = query.get('continuation-token') ?? query.get('pageToken') ?? query.get('marker') ?? '';
    const index = Number(/^p(\d+)$/.exec(token)?.[1] ?? 0);
    const type = kind === 's3' || kind === 'azure' ? 'application/xml' : 'application/json';
    const bytes = replaced?.index === index ? replaced.bytes : pages[kind][index];
    return void response.setHeader('content-type', type).end(bytes);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    env: {
      AWS_ACCESS_KEY_ID: 'id',
      AWS_SECRET_ACCESS_KEY: 'secret',
      AWS_REGION: 'us-east-1',
      AWS_ENDPOINT_URL: `http://${host}/s3`,
      STORAGE_EMULATOR_HOST: host,
      AZURE_STORAGE_SERVICE_ENDPOINT: `http://${host}/azure`,
      AZURE_STORAGE_ACCESS_KEY: 'a2V5',
    },
    uris: {
      s3: 's3://bucket/m',
      gs: 'gs://bucket/m',
      azure: 'https://account.blob.core.windows.net/container/m',
      oci: `oci://${host}/models/m:v1`,
    },
    pages: (kind) => pages[kind],
    replace: (page) => {
      replaced = page;
    },
    stop: async () => {
      server.close().closeAllConnections();
      await once(server, 'close');
    },
  };
}

function listingAt(pathname: string, query: URLSearchParams): StoreKind | undefined {
  if (query.get('list-type') === '2') return 's3';
  if (pathname === '/storage/v1/b/bucket/o') return 'gs';
  if (query.get('comp') === 'list') return 'azure';
  return /^\/v2\/.*\/manifests\//.test(pathname) ? 'oci' : undefined;
}

function nextOf(files: readonly unknown[], index: number): string | undefined {
  return index + 1 < files.length ? `p${index + 1}` : undefined;
}

/** Source: docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html */
function s3Page(names: readonly string[], next: string | undefined): Buffer {
  const contents = names.map((name) => `<Contents><Key>m/${name}</Key><Size>1</Size></Contents>`);
  const more = next === undefined ? '' : `<NextContinuationToken>${next}</NextContinuationToken>`;
  return Buffer.from(
    '<?xml version="1.0" encoding="UTF-8"?>\n<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">' +
      `<Name>bucket</Name><Prefix>m/</Prefix><KeyCount>${names.length}</KeyCount><MaxKeys>2</MaxKeys>` +
      `${contents.join('')}<IsTruncated>${next !== undefined}</IsTruncated>${more}</ListBucketResult>`,
  );
}

/** Source: cloud.google.com/storage/docs/json_api/v1/objects/list */
function gcsPage(names: readonly string[], next: string | undefined): Buffer {
  const items = names.map((name) => ({
    name: `m/${name}`,
    size: '1',
    generation: '7',
    md5Hash: MD5_BASE64,
  }));
  const page = { kind: 'storage#objects', ...(next !== undefined && { nextPageToken: next }), items };
  return Buffer.from(JSON.stringify(page));
}

/** Source: learn.microsoft.com/rest/api/storageservices/list-blobs */
function azurePage(names: readonly string[], next = ''): Buffer {
  const blobs = names.map(
    (name) =>
      `<Blob><Name>m/${name}</Name><Properties><Content-Length>1</Content-Length></Properties><Metadata /></Blob>`,
  );
  return Buffer.from(
    '\ufeff<?xml version="1.0" encoding="utf-8"?><EnumerationResults ServiceEndpoint="http://h/" ContainerName="container">' +
      `<Prefix>m/</Prefix><Blobs>${blobs.join('')}</Blobs><NextMarker>${next}</NextMarker></EnumerationResults>`,
  );
}

/** Source: github.com/opencontainers/image-spec, manifest.md */
function manifest(names: readonly string[]): Buffer {
  const layers = names.map((name) => ({
    mediaType: 'application/octet-stream',
    digest: `sha256:${DIGEST}`,
    size: 1,
    annotations: { 'org.opencontainers.image.title': name },
  }));
  const config = { mediaType: 'application/vnd.unknown.config.v1+json', digest: `sha256:${DIGEST}`, size: 1 };
  return Buffer.from(JSON.stringify({ schemaVersion: 2, config, layers }));
}
