import { Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import type { Readable } from 'node:stream';
import { GetObjectCommand, S3Client, paginateListObjectsV2 } from '@aws-sdk/client-s3';
import type { GetObjectCommandOutput, S3ClientConfig } from '@aws-sdk/client-s3';
import { NodeHttpHandler } from '@smithy/node-http-handler';
import type { ExpectedDigest } from './digest.ts';
import { ChecksumMismatchError, InvalidUriError } from './errors.ts';
import { isError } from './is-error.ts';
import { bucketAndPrefix, filesBelow } from './prefix.ts';
import type { StoredObject } from './prefix.ts';
import { createProxyRouter } from './proxy-router.ts';
import { shownUri } from './redact.ts';
import { readS3Environment } from './s3-config.ts';
import type { S3Environment } from './s3-config.ts';
import type { S3Handler } from './s3-via-proxies.ts';
import type { Environment, OpenedFile, RemoteFile, Source, SourceContext } from './source.ts';

/** Listing a large prefix takes many requests; one of them may stumble without failing the model. */
const ATTEMPTS_PER_REQUEST = 2;
/**
 * `s3://bucket/prefix` by the AWS SDK, against AWS or whatever endpoint the operator set.
 * The endpoint comes from the operator's Secret and the bucket is checked to be a name, so users cannot choose the host; the
 * destination policy is not applied, and the SDK's credential chain can reach the metadata services it needs.
 */
export function createS3Source({ env, settings }: SourceContext): Source {
  let client: Promise<S3Client> | undefined;
  return {
    find: async (uri, signal) => {
      const place = bucketAndPrefix(uri);
      if (place === undefined) throw new InvalidUriError(`${shownUri(uri)}: expected s3://<bucket>/<path>`);
      client ??= openClient(env, settings.connectTimeoutMs);
      const s3 = await client;
      const files = filesBelow<StoredObject>({
        uri,
        prefix: place.prefix,
        list: (startsWith) => listObjects(s3, place.bucket, startsWith, signal),
        open: (object) => openObject(s3, place.bucket, object.key),
      });
      return { files, version: undefined };
    },
    close: async () => (await client?.catch(() => undefined))?.destroy(),
  };
}

async function openClient(env: Environment, connectTimeoutMs: number): Promise<S3Client> {
  const s3 = await readS3Environment(env);
  return new S3Client(clientConfig(s3, await requestHandler(s3, env, connectTimeoutMs)));
}

async function requestHandler(
  s3: S3Environment,
  env: Environment,
  connectTimeoutMs: number,
): Promise<S3Handler> {
  const tls = {
    rejectUnauthorized: s3.verifyTls,
    ...(s3.certificateAuthorities === undefined ? {} : { ca: s3.certificateAuthorities }),
  };
  const direct = new NodeHttpHandler({
    connectionTimeout: connectTimeoutMs,
    httpAgent: new HttpAgent({ keepAlive: true }),
    httpsAgent: new HttpsAgent({ keepAlive: true, ...tls }),
  });
  const proxies = createProxyRouter(env, { connectTimeoutMs, tls });
  if (proxies === undefined) return direct;
  const { s3HandlerVia } = await import('./s3-via-proxies.ts');
  return s3HandlerVia(proxies, direct);
}

function clientConfig(s3: S3Environment, handler: S3Handler): S3ClientConfig {
  return {
    region: s3.region,
    followRegionRedirects: true,
    forcePathStyle: s3.pathStyle,
    useAccelerateEndpoint: s3.accelerate,
    maxAttempts: ATTEMPTS_PER_REQUEST,
    ...(s3.endpoint === undefined ? {} : { endpoint: s3.endpoint }),
    ...credentialConfig(s3.credentials),
    requestHandler: handler,
    // The SDK's own warnings quote requests; nothing of it reaches our log.
    logger: { trace: nothing, debug: nothing, info: nothing, warn: nothing, error: nothing },
  };
}

function nothing(): void {
  // Says nothing on purpose.
}

function credentialConfig(credentials: S3Environment['credentials']): Partial<S3ClientConfig> {
  switch (credentials.kind) {
    case 'anonymous':
      return {
        credentials: { accessKeyId: '', secretAccessKey: '' },
        signer: { sign: (request) => Promise.resolve(request) },
      };
    case 'static': {
      const { id, secret, token } = credentials;
      return {
        credentials: {
          accessKeyId: id,
          secretAccessKey: secret,
          ...(token === undefined ? {} : { sessionToken: token }),
        },
      };
    }
    case 'chain':
      return {};
  }
}

async function* listObjects(
  client: S3Client,
  bucket: string,
  startsWith: string,
  signal: AbortSignal,
): AsyncGenerator<StoredObject> {
  const request = { Bucket: bucket, Prefix: startsWith };
  const pages = paginateListObjectsV2({ client }, request, { abortSignal: signal });
  for await (const page of pages) {
    for (const { Key: key, Size: size } of page.Contents ?? []) if (key !== undefined) yield { key, size };
  }
}

function openObject(client: S3Client, bucket: string, key: string): RemoteFile['open'] {
  return async ({ offset, tag }, signal) => {
    const command = new GetObjectCommand({
      Bucket: bucket,
      Key: key,
      ...(offset > 0 ? { Range: `bytes=${offset}-` } : {}),
      ...(tag === undefined ? {} : { IfMatch: tag }),
    });
    const answer = await client.send(command, { abortSignal: signal });
    return opened(answer, offset, `s3://${bucket}/${key}`);
  };
}

function opened(answer: GetObjectCommandOutput, offset: number, shown: string): OpenedFile {
  return {
    body: answer.Body as Readable,
    totalBytes: answer.ContentLength === undefined ? undefined : offset + answer.ContentLength,
    tag: answer.ETag,
    digests: digestsOf(answer),
    // The SDK checks x-amz-checksum-* itself and throws a plain Error; the network's errors have a code.
    faultOf: (error) =>
      isError(error) && !('code' in error) && error.name === 'Error'
        ? new ChecksumMismatchError(`${shown}: its checksum is not the one that the store recorded`, {
            cause: error,
          })
        : undefined,
  };
}

/**
 * The ETag is the MD5 of an object that was uploaded in one part without KMS or customer keys; buckets of S3 Express have
 * random ones, but always a checksum, which the SDK verifies. Source: docs.aws.amazon.com/AmazonS3/latest/API/API_Object.html
 */
function digestsOf(answer: GetObjectCommandOutput): ExpectedDigest[] {
  const { ETag: etag, ServerSideEncryption: encryption, SSECustomerAlgorithm: customerKey } = answer;
  const { ChecksumCRC32, ChecksumCRC32C, ChecksumCRC64NVME, ChecksumSHA1, ChecksumSHA256 } = answer;
  const hasChecksum = [ChecksumCRC32, ChecksumCRC32C, ChecksumCRC64NVME, ChecksumSHA1, ChecksumSHA256].some(
    (checksum) => checksum !== undefined,
  );
  const hex = /^"?([0-9a-f]{32})"?$/i.exec(etag ?? '')?.[1];
  const keyed = (encryption !== undefined && encryption !== 'AES256') || customerKey !== undefined;
  return hex === undefined || hasChecksum || keyed ? [] : [{ algorithm: 'md5', hex: hex.toLowerCase() }];
}
