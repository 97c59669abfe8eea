import type { Readable } from 'node:stream';
import { AnonymousCredential, ContainerClient, newPipeline } from '@azure/storage-blob';
import type {
  BlobDownloadResponseParsed,
  ContainerListBlobFlatSegmentResponse,
  StoragePipelineOptions,
} from '@azure/storage-blob';
import { recordOf } from '../../lib/json.ts';
import { credentialFor } from './azure-credentials.ts';
import type { ExpectedDigest } from './digest.ts';
import { parseAzureUri } from './azure-uri.ts';
import { SourceUnavailableError } from './errors.ts';
import { isError } from './is-error.ts';
import { nonEmpty } from './non-empty.ts';
import { badListing, eachListed, filesBelow } from './prefix.ts';
import type { StoredObject } from './prefix.ts';
import { createProxyRouter } from './proxy/proxy-router.ts';
import type { ProxyRouter } from './proxy/proxy-types.ts';
import { shownUri } from './redact.ts';
import type { OpenedFile, RemoteFile, Source, SourceContext } from './source.ts';
import type { Environment } from './environment.ts';

const PIPELINE: StoragePipelineOptions = { retryOptions: { maxTries: 2, retryDelayInMs: 250 } };

/**
 * `https://<account>.blob.core.windows.net/<container>/<prefix>` and `abfs(s)://` by Azure's client.
 * The account's domain is fixed, so a storageUri cannot send the credentials elsewhere.
 */
export function createAzureSource({ env, settings }: SourceContext): Source {
  const proxies = createProxyRouter(env, settings);
  return {
    find: async (uri, signal) => {
      const { container, prefix } = await openContainer(uri, env, proxies);
      const files = filesBelow<StoredObject>({
        uri,
        prefix,
        list: (startsWith) => listBlobs(container, startsWith, signal),
        open: (blob) => openBlob(container, blob),
      });
      return { files, version: undefined };
    },
    close: () => Promise.resolve(proxies?.close()),
  };
}

/** A client for the container that a URI names, with the credentials of the environment. */
export async function openContainer(
  uri: string,
  env: Environment,
  proxies: ProxyRouter | undefined,
): Promise<{ readonly container: ContainerClient; readonly prefix: string }> {
  const place = parseAzureUri(uri, env);
  const credential =
    place.signature === undefined ? await credentialFor(place.account, env, proxies) : undefined;
  const pipeline = newPipeline(credential ?? new AnonymousCredential(), PIPELINE);
  if (proxies !== undefined) {
    pipeline.factories.push({
      create: (next) => ({
        sendRequest: (request) => proxies.send(request, (routed) => next.sendRequest(routed)),
      }),
    });
  }
  const url = `${place.serviceUrl}/${encodeURIComponent(place.container)}${place.signature ?? ''}`;
  return { container: new ContainerClient(url, pipeline), prefix: place.prefix };
}

function listBlobs(
  container: ContainerClient,
  startsWith: string,
  signal: AbortSignal,
): AsyncGenerator<StoredObject> {
  const listing = container.listBlobsFlat({ prefix: startsWith, includeMetadata: true, abortSignal: signal });
  return eachListed(startsWith, async (token) => {
    const pages = listing.byPage(token === undefined ? {} : { continuationToken: token });
    const { value } = (await pages.next().catch((thrown: unknown) => {
      throw isUnread(thrown) ? badListing('an answer cannot be read', thrown) : thrown;
    })) as { value: Partial<ContainerListBlobFlatSegmentResponse> | undefined };
    // The client turns any XML with status 200 into a response. A listing always names its container.
    if (value?.segment === undefined || value.containerName === undefined) {
      throw badListing('an answer is not a listing');
    }
    const objects = value.segment.blobItems.map(({ name, properties, metadata }) => {
      const size = properties.contentLength;
      return { key: name, size, directory: (size ?? 0) === 0 && isFolder(metadata) };
    });
    return { objects, next: nonEmpty(value.continuationToken) };
  });
}

/** The client's errors for an answer that is not XML, and for XML without the expected fields. */
function isUnread(thrown: unknown): boolean {
  return isError(thrown) && (recordOf(thrown)['code'] === 'PARSE_ERROR' || thrown.name === 'TypeError');
}

/**
 * Accounts with a hierarchical namespace, and tools for those without, mark a directory with an empty blob that has
 * this metadata. Metadata names are case-insensitive but keep the case they were written in, such as `Hdi_isfolder`.
 * Source: learn.microsoft.com/rest/api/storageservices/setting-and-retrieving-properties-and-metadata-for-blob-resources
 */
function isFolder(metadata: Readonly<Record<string, string>> = {}): boolean {
  return Object.entries(metadata).some(
    ([name, value]) => name.toLowerCase() === 'hdi_isfolder' && value.trim().toLowerCase() === 'true',
  );
}

function openBlob(container: ContainerClient, { key, size }: StoredObject): RemoteFile['open'] {
  return async ({ offset, tag }, signal) => {
    const options = {
      abortSignal: signal,
      maxRetryRequests: 0,
      ...(tag === undefined ? {} : { conditions: { ifMatch: tag } }),
    };
    const sent = container.getBlobClient(key).download(offset, undefined, options);
    const answer = await sent.catch((thrown: unknown) => {
      throw isError(thrown) && thrown.name === 'RangeError' ? noBlob(shownUri(key), thrown) : thrown;
    });
    return opened(answer, offset, size, shownUri(key));
  };
}

/** The client needs the ETag and length that the service always sends. */
function noBlob(shown: string, cause: unknown): SourceUnavailableError {
  return new SourceUnavailableError(
    `${shown}: an answer has no ETag or no length, so it is not the store's. It is fetched again later. ` +
      'If it stays, check the gateway in front of the store.',
    { cause },
  );
}

function opened(
  answer: BlobDownloadResponseParsed,
  offset: number,
  size: number | undefined,
  shown: string,
): OpenedFile {
  const md5 = answer.blobContentMD5 ?? (offset === 0 ? answer.contentMD5 : undefined);
  const digests: ExpectedDigest[] =
    md5 === undefined ? [] : [{ algorithm: 'md5', hex: Buffer.from(md5).toString('hex') }];
  const rest = answer.contentLength;
  return {
    body: answer.readableStreamBody as Readable,
    totalBytes: rest === undefined ? size : offset + rest,
    tag: answer.etag,
    digests,
    // A broken connection arrives as an AbortError or a plain Error without a code.
    faultOf: (error) =>
      isError(error) && (error.name === 'AbortError' || !('code' in error))
        ? new SourceUnavailableError(`${shown}: the connection broke`, { cause: error })
        : undefined,
  };
}
