import type { Readable } from 'node:stream';
import { AnonymousCredential, ContainerClient, newPipeline } from '@azure/storage-blob';
import type { BlobDownloadResponseParsed, StoragePipelineOptions } from '@azure/storage-blob';
import { credentialFor } from './azure-credentials.ts';
import type { ExpectedDigest } from './digest.ts';
import { parseAzureUri } from './azure-uri.ts';
import { SourceUnavailableError } from './errors.ts';
import { isError } from './is-error.ts';
import { filesBelow } from './prefix.ts';
import type { StoredObject } from './prefix.ts';
import { createProxyRouter } from './proxy-router.ts';
import { shownUri } from './redact.ts';
import type { OpenedFile, RemoteFile, Source, SourceContext } from './source.ts';

const PIPELINE: StoragePipelineOptions = { retryOptions: { maxTries: 2, retryDelayInMs: 250 } };

/**
 * `https://<account>.blob.core.windows.net/<container>/<prefix>` and `abfs(s)://` by Azure's client.
 * The account's domain is fixed, so a storageUri cannot lead the credentials elsewhere.
 */
export function createAzureSource({ env, settings }: SourceContext): Source {
  const proxies = createProxyRouter(env, settings);
  return {
    find: async (uri, signal) => {
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
      const container = new ContainerClient(
        `${place.serviceUrl}/${encodeURIComponent(place.container)}${place.signature ?? ''}`,
        pipeline,
      );
      const files = filesBelow<StoredObject>({
        uri,
        prefix: place.prefix,
        list: (startsWith) => listBlobs(container, startsWith, signal),
        open: (blob) => openBlob(container, blob),
      });
      return { files, version: undefined };
    },
    close: () => Promise.resolve(proxies?.close()),
  };
}

async function* listBlobs(
  container: ContainerClient,
  startsWith: string,
  signal: AbortSignal,
): AsyncGenerator<StoredObject> {
  const blobs = container.listBlobsFlat({ prefix: startsWith, includeMetadata: true, abortSignal: signal });
  for await (const { name, properties, metadata } of blobs) {
    // A directory of an account with hierarchical namespace is listed as an empty blob with this mark.
    if (metadata?.['hdi_isfolder'] === 'true') continue;
    yield { key: name, size: properties.contentLength };
  }
}

function openBlob(container: ContainerClient, { key, size }: StoredObject): RemoteFile['open'] {
  return async ({ offset, tag }, signal) => {
    const answer = await container.getBlobClient(key).download(offset, undefined, {
      abortSignal: signal,
      maxRetryRequests: 0,
      ...(tag === undefined ? {} : { conditions: { ifMatch: tag } }),
    });
    return opened(answer, offset, size, shownUri(key));
  };
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
    // A connection that breaks reaches us as an AbortError or a plain Error without a code.
    faultOf: (error) =>
      isError(error) && (error.name === 'AbortError' || !('code' in error))
        ? new SourceUnavailableError(`${shown}: the connection broke`, { cause: error })
        : undefined,
  };
}
