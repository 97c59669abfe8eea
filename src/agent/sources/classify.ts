import { recordOf } from '../../lib/json.ts';
import {
  AccessDeniedError,
  DiskFullError,
  DuplicateEntryError,
  NotFoundError,
  PullError,
  SourceTimeoutError,
  SourceUnavailableError,
  UnexpectedPullError,
  UnsafePathError,
  UntrustedCertificateError,
} from './errors.ts';
import { errorOfStatus, retryAfterMs } from './http-status.ts';

type Make = (detail: string, cause: unknown) => PullError;

const unavailable: Make = (detail, cause) =>
  new SourceUnavailableError(`${detail}. Check that the source runs and is reachable from the pod.`, {
    cause,
  });
const timedOut: Make = (detail, cause) =>
  new SourceTimeoutError(`${detail}: the source did not answer in time.`, { cause });
const diskFull: Make = (detail, cause) =>
  new DiskFullError(`${detail}: no room on the model volume. Free some space, or make the volume larger.`, {
    cause,
  });
const untrusted: Make = (detail, cause) =>
  new UntrustedCertificateError(
    `${detail}: the source's TLS certificate is not trusted. Give its CA (AWS_CA_BUNDLE for S3, NODE_EXTRA_CA_CERTS for all).`,
    { cause },
  );

/**
 * By the `code` of what Node, libuv and undici throw; undici is the fetch that Google's client calls. Source:
 * nodejs.org/api/errors, undici docs/api/Errors.
 */
const BY_CODE: ReadonlyMap<string, Make> = new Map<string, Make>([
  ...[
    'ECONNREFUSED',
    'ECONNRESET',
    'ECONNABORTED',
    'EPIPE',
    'EHOSTUNREACH',
    'ENETUNREACH',
    'ENETDOWN',
    'EPROTO',
  ].map((code): [string, Make] => [code, unavailable]),
  ...['ENOTFOUND', 'EAI_AGAIN', 'EAI_FAIL', 'EAI_NODATA', 'UND_ERR_SOCKET', 'UND_ERR_CLOSED'].map(
    (code): [string, Make] => [code, unavailable],
  ),
  ...['UND_ERR_DESTROYED', 'ERR_STREAM_PREMATURE_CLOSE', 'ERR_SSL_WRONG_VERSION_NUMBER', 'EIO', 'ESTALE'].map(
    (code): [string, Make] => [code, unavailable],
  ),
  ...[
    'ETIMEDOUT',
    'ESOCKETTIMEDOUT',
    'UND_ERR_CONNECT_TIMEOUT',
    'UND_ERR_HEADERS_TIMEOUT',
    'UND_ERR_BODY_TIMEOUT',
  ].map((code): [string, Make] => [code, timedOut]),
  ...['ENOSPC', 'EDQUOT', 'EFBIG'].map((code): [string, Make] => [code, diskFull]),
  ...['DEPTH_ZERO_SELF_SIGNED_CERT', 'SELF_SIGNED_CERT_IN_CHAIN', 'UNABLE_TO_VERIFY_LEAF_SIGNATURE'].map(
    (code): [string, Make] => [code, untrusted],
  ),
  ...['UNABLE_TO_GET_ISSUER_CERT_LOCALLY', 'CERT_HAS_EXPIRED', 'ERR_TLS_CERT_ALTNAME_INVALID'].map(
    (code): [string, Make] => [code, untrusted],
  ),
  ['ENOENT', (detail, cause) => new NotFoundError(`${detail}: no such file or directory.`, { cause })],
  [
    'EACCES',
    (detail, cause) => new AccessDeniedError(`${detail}: the file system refuses access.`, { cause }),
  ],
  [
    'EPERM',
    (detail, cause) => new AccessDeniedError(`${detail}: the file system refuses access.`, { cause }),
  ],
  [
    'EEXIST',
    (detail, cause) => new DuplicateEntryError(`${detail}: two files with the same name.`, { cause }),
  ],
  [
    'ENOTDIR',
    (detail, cause) => new DuplicateEntryError(`${detail}: a file where a directory has to be.`, { cause }),
  ],
  [
    'EISDIR',
    (detail, cause) => new DuplicateEntryError(`${detail}: a directory where a file has to be.`, { cause }),
  ],
  [
    'ENAMETOOLONG',
    (detail, cause) => new UnsafePathError(`${detail}: a name is too long for the volume.`, { cause }),
  ],
]);

const noHttp: Make = (detail, cause) =>
  new SourceUnavailableError(
    `${detail}: the source's answer cannot be read as HTTP. Check the server, or the gateway in front of it.`,
    { cause },
  );

/** Names that the cloud clients give to errors without an HTTP status. */
const BY_NAME: ReadonlyMap<string, Make> = new Map<string, Make>([
  ['TimeoutError', timedOut],
  ...[
    'CredentialsProviderError',
    'TokenProviderError',
    'CredentialUnavailableError',
    'AuthenticationError',
    'AuthenticationRequiredError',
    'AggregateAuthenticationError',
  ].map((name): [string, Make] => [
    name,
    (detail, cause) =>
      new AccessDeniedError(
        `${detail}: no usable credentials. Check the Secret of the pod's service account.`,
        {
          cause,
        },
      ),
  ]),
]);

/**
 * Turns whatever a client threw into a PullError. It reads codes, names and statuses, never the text. A client's text
 * is not shown either, because it may quote a signed request.
 */
export function classify(thrown: unknown, shown: string): PullError {
  for (let error: unknown = thrown, depth = 0; depth < 5; depth += 1) {
    if (error instanceof PullError) return error;
    const facts = factsOf(error);
    const make =
      (facts.code === undefined ? undefined : BY_CODE.get(facts.code)) ??
      (facts.code?.startsWith('HPE_') === true ? noHttp : undefined) ??
      BY_NAME.get(facts.name ?? '');
    if (make !== undefined) return make(`${shown}: ${facts.code ?? facts.name ?? ''}`, thrown);
    if (facts.status !== undefined && facts.status >= 400) {
      const storeCode = facts.code ?? facts.name;
      return errorOfStatus(facts.status, {
        shown,
        storeCode,
        retryAfterMs: facts.retryAfterMs,
        cause: thrown,
      });
    }
    if (facts.inner === undefined) break;
    error = facts.inner;
  }
  const { code, name } = factsOf(thrown);
  return new UnexpectedPullError(`${shown}: ${code ?? name ?? 'unknown error'}`, { cause: thrown });
}

interface Facts {
  readonly code: string | undefined;
  readonly name: string | undefined;
  readonly status: number | undefined;
  readonly retryAfterMs: number | undefined;
  readonly inner: unknown;
}

function factsOf(error: unknown): Facts {
  const own = recordOf(error);
  const metadata = recordOf(own['$metadata']);
  const response = recordOf(own['$response'] ?? own['response']);
  const aggregated: unknown = Array.isArray(own['errors']) ? own['errors'][0] : undefined;
  return {
    code: word(own['code']),
    name: word(own['name']),
    status: [metadata['httpStatusCode'], own['statusCode'], response['status'], own['status']].find(
      (value) => typeof value === 'number',
    ),
    retryAfterMs: retryAfterMs(headerOf(response['headers'], 'retry-after')),
    inner: own['cause'] ?? aggregated,
  };
}

/** Headers are a plain record in the AWS client and an object with `get` in Azure's and Google's. */
function headerOf(headers: unknown, name: string): string | undefined {
  const record = recordOf(headers);
  const value: unknown =
    typeof record['get'] === 'function'
      ? (headers as { get(name: string): unknown }).get(name)
      : record[name];
  return typeof value === 'string' ? value : undefined;
}

/** Codes and names are single words. Anything else is free text and is not shown. */
function word(value: unknown): string | undefined {
  return typeof value === 'string' && /^[A-Za-z][\w.-]{0,60}$/.test(value) ? value : undefined;
}
