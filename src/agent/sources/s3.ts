import { Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import type { Readable } from 'node:stream';
import { GetObjectCommand, ListObjectsV2Command, S3Client } from '@aws-sdk/client-s3';
import type { GetObjectCommandOutput, S3ClientConfig } from '@aws-sdk/client-s3';
import { NodeHttpHandler } from '@smithy/node-http-handler';
import { recordOf } from '../../lib/json.ts';
import type { ExpectedDigest } from './digest.ts';
import { ChecksumMismatchError, InvalidUriError, PullError } from './errors.ts';
import { announcedDigests } from './http-headers.ts';
import { isError } from './is-error.ts';
import { nonEmpty } from './non-empty.ts';
import { badListing, bucketAndPrefix, eachListed, filesBelow } from './prefix.ts';
import type { StoredObject } from './prefix.ts';
import { createProxyRouter } from './proxy/proxy-router.ts';
import { shownUri } from './redact.ts';
import { readS3Environment } from './s3-config.ts';
import type { S3Environment } from './s3-config.ts';
import { s3Fault } from './s3-fault.ts';
import type { S3Handler } from './proxy/s3-via-proxies.ts';
import type { OpenedFile, RemoteFile, Source, SourceContext } from './source.ts';
import type { Environment } from './environment.ts';

/** Listing a large prefix takes many requests. One failure among them must not fail the model. */
const ATTEMPTS_PER_REQUEST = 2;
/**
 * `s3://bucket/prefix` by the AWS SDK, against AWS or any endpoint that the operator set. The endpoint comes from the
 * operator's Secret and the bucket is checked to be a name, so users cannot choose the host. The destination policy
 * does not apply, and the SDK's credential chain can reach the metadata services it needs.
 */
export function createS3Source({ env, settings }: SourceContext): Source {
  let client: Promise<OpenClient> | undefined;
  return {
    find: async (uri, signal) => {
      const place = bucketAndPrefix(uri);
      if (place === undefined) throw new InvalidUriError(`${shownUri(uri)}: expected s3://<bucket>/<path>`);
      client ??= openS3Client(env, settings.connectTimeoutMs);
      const { s3, etagIsMd5 } = await client;
      const files = filesBelow<StoredObject>({
        uri,
        prefix: place.prefix,
        list: (startsWith) => listObjects(s3, place.bucket, startsWith, signal),
        open: (object) => openObject(s3, { bucket: place.bucket, key: object.key, etagIsMd5 }),
      });
      return { files, version: undefined };
    },
    close: async () => (await client?.catch(() => undefined))?.s3.destroy(),
  };
}

interface OpenClient {
  readonly s3: S3Client;
  readonly etagIsMd5: boolean;
}

/** A client for the store, with the environment's credentials. */
export async function openS3Client(env: Environment, connectTimeoutMs: number): Promise<OpenClient> {
  const read = await readS3Environment(env);
  const s3 = new S3Client(clientConfig(read, await requestHandler(read, env, connectTimeoutMs)));
  return { s3, etagIsMd5: isAws(read.endpoint) };
}

/**
 * Only for AWS is it known when an ETag is an MD5. Others may send 32 meaningless hexadecimal digits, such as MinIO's
 * `--no-compat`.
 */
function isAws(endpoint: string | undefined): boolean {
  return endpoint === undefined || /\.amazonaws\.com(\.cn)?$/i.test(new URL(endpoint).hostname);
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
  const { s3HandlerVia } = await import('./proxy/s3-via-proxies.ts');
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
    // The SDK's own warnings quote requests; none may reach our log.
    logger: { trace: nothing, debug: nothing, info: nothing, warn: nothing, error: nothing },
  };
}

function nothing(): void {
  // Silent on purpose.
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

function listObjects(
  client: S3Client,
  bucket: string,
  startsWith: string,
  signal: AbortSignal,
): AsyncGenerator<StoredObject> {
  return eachListed(startsWith, async (token) => {
    const command = new ListObjectsV2Command({
      Bucket: bucket,
      Prefix: startsWith,
      ...(token === undefined ? {} : { ContinuationToken: token }),
    });
    const sent = client.send(command, { abortSignal: signal });
    const page = await asked(client, bucket, sent).catch((thrown: unknown) => {
      throw isUnread(thrown) ? badListing('an answer cannot be read', thrown) : thrown;
    });
    // The client turns any XML with status 200 into an object. If it is not a listing, all fields are missing.
    if (page.IsTruncated === undefined && page.KeyCount === undefined && page.Contents === undefined) {
      throw badListing('an answer is not a listing');
    }
    const next = page.IsTruncated === false ? undefined : nonEmpty(page.NextContinuationToken);
    if (page.IsTruncated === true && next === undefined) {
      throw badListing('a page says that more follow, and not where');
    }
    const objects = (page.Contents ?? []).flatMap(({ Key: key, Size: size }) =>
      key === undefined ? [] : [{ key, size }],
    );
    return { objects, next };
  });
}

/** When the client cannot read an answer, it attaches the answer to the error, whatever the status. */
function isUnread(thrown: unknown): boolean {
  if (thrown instanceof PullError) return false;
  const status = recordOf(recordOf(thrown)['$response'])['statusCode'];
  return typeof status === 'number' && status >= 200 && status < 300;
}

/** The answer. A store's refusal is translated if its code says more than its status. */
async function asked<T>(client: S3Client, bucket: string, answer: Promise<T>): Promise<T> {
  try {
    return await answer;
  } catch (thrown) {
    throw s3Fault(thrown, bucket, await client.config.region()) ?? thrown;
  }
}

function openObject(
  client: S3Client,
  { bucket, key, etagIsMd5 }: { bucket: string; key: string; etagIsMd5: boolean },
): RemoteFile['open'] {
  return async ({ offset, tag }, signal) => {
    const command = new GetObjectCommand({
      Bucket: bucket,
      Key: key,
      ...(offset > 0 ? { Range: `bytes=${offset}-` } : {}),
      ...(tag === undefined ? {} : { IfMatch: tag }),
    });
    let headers: Headers = {};
    command.middlewareStack.add(
      (next) => async (call) => {
        const result = await next(call);
        headers = recordOf(recordOf(result.response)['headers']);
        return result;
      },
      { step: 'deserialize' },
    );
    const sent = client.send(command, { abortSignal: signal });
    const answer = await asked(client, `${bucket}/${key}`, sent);
    const announced = offset === 0 ? digestsIn(headers) : [];
    return opened(answer, { offset, etagIsMd5, announced, shown: shownUri(`s3://${bucket}/${key}`) });
  };
}

type Headers = Readonly<Record<string, unknown>>;

/**
 * The digests in headers that AWS's client ignores: Content-MD5, which stores such as Alibaba's send, and Google's own.
 * Sources: RFC 1864; cloud.google.com/storage/docs/xml-api/reference-headers#xgooghash
 */
function digestsIn(headers: Headers): ExpectedDigest[] {
  const { 'content-md5': md5, 'x-goog-hash': hash } = headers;
  const lists = [['content-md5', md5] as const, ['digest', hash] as const];
  return announcedDigests(
    new Map(lists.flatMap(([name, value]) => (typeof value === 'string' ? [[name, value]] : []))),
  );
}

interface HowOpened {
  readonly offset: number;
  readonly etagIsMd5: boolean;
  readonly announced: readonly ExpectedDigest[];
  readonly shown: string;
}

function opened(
  answer: GetObjectCommandOutput,
  { offset, etagIsMd5, announced, shown }: HowOpened,
): OpenedFile {
  return {
    body: answer.Body as Readable,
    totalBytes: answer.ContentLength === undefined ? undefined : offset + answer.ContentLength,
    tag: answer.ETag,
    digests: [...announced, ...(etagIsMd5 ? digestsOf(answer) : [])],
    // The SDK checks x-amz-checksum-* itself and throws a plain Error; network errors have a code.
    faultOf: (error) =>
      isError(error) && !('code' in error) && error.name === 'Error'
        ? new ChecksumMismatchError(`${shown}: its checksum is not the one that the store recorded`, {
            cause: error,
          })
        : undefined,
  };
}

/**
 * The ETag is the MD5 of an object that was uploaded in one part without KMS or customer keys. Buckets of S3 Express
 * have random ones, but always a checksum, which the SDK verifies. Source:
 * docs.aws.amazon.com/AmazonS3/latest/API/API_Object.html
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
