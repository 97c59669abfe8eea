import { shortened } from '../contract/cause-text.ts';
import { milliseconds, seconds, type Milliseconds } from '../lib/clock.ts';
import { MmsError } from '../lib/errors.ts';

/** What went wrong with a request, in terms a caller can act on. */
export type ApiErrorCode =
  | 'API_NOT_FOUND'
  | 'API_CONFLICT'
  | 'API_ALREADY_EXISTS'
  | 'API_UNAUTHORIZED'
  | 'API_FORBIDDEN'
  | 'API_GONE'
  | 'API_INVALID'
  | 'API_BAD_REQUEST'
  | 'API_TOO_MANY_REQUESTS'
  | 'API_SERVER_ERROR'
  | 'API_BAD_RESPONSE'
  | 'API_ANSWER_TOO_LONG'
  | 'API_UNREACHABLE'
  | 'API_CREDENTIALS'
  | 'API_TIMEOUT'
  | 'API_ABORTED';

/** `meta/v1.Status`: https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/status/ */
interface KubernetesStatus {
  readonly kind?: string;
  readonly status?: string;
  readonly message?: string;
  readonly reason?: string;
  readonly code?: number;
  readonly details?: StatusDetails;
}

interface StatusDetails {
  readonly name?: string;
  readonly group?: string;
  readonly kind?: string;
  readonly uid?: string;
  readonly retryAfterSeconds?: number;
  readonly causes?: readonly {
    readonly reason?: string;
    readonly message?: string;
    readonly field?: string;
  }[];
}

interface ApiErrorFields {
  readonly code: ApiErrorCode;
  /** HTTP status. Absent if no answer came. */
  readonly status?: number;
  /** The Status reason, such as `Expired`. Absent if the answer was not a Status. */
  readonly reason?: string;
  readonly details?: StatusDetails;
  /** The wait before a retry that the server asks for. */
  readonly retryAfter?: Milliseconds;
  readonly cause?: unknown;
}

/**
 * `retryable` describes the caller's whole read-decide-write sequence: after a conflict the same bytes never succeed,
 * but the sequence does. 401 and 403 are retryable because tokens rotate, and because an API server that has just
 * started answers with them until its authorizer has loaded the roles.
 */
const RETRYABLE: Readonly<Record<ApiErrorCode, boolean>> = {
  API_NOT_FOUND: false,
  API_CONFLICT: true,
  API_ALREADY_EXISTS: true,
  API_UNAUTHORIZED: true,
  API_FORBIDDEN: true,
  API_GONE: true,
  API_INVALID: false,
  API_BAD_REQUEST: false,
  API_TOO_MANY_REQUESTS: true,
  API_SERVER_ERROR: true,
  API_BAD_RESPONSE: true,
  API_ANSWER_TOO_LONG: true,
  API_UNREACHABLE: true,
  API_CREDENTIALS: true,
  API_TIMEOUT: true,
  API_ABORTED: false,
};

/** A request to the API server that did not succeed. */
export class ApiError extends MmsError {
  readonly code: ApiErrorCode;
  readonly retryable: boolean;
  readonly status: number | undefined;
  readonly reason: string | undefined;
  readonly details: StatusDetails | undefined;
  readonly retryAfter: Milliseconds | undefined;

  constructor(message: string, fields: ApiErrorFields) {
    super(message, 'cause' in fields ? { cause: fields.cause } : undefined);
    this.code = fields.code;
    this.retryable = RETRYABLE[fields.code];
    this.status = fields.status;
    this.reason = fields.reason;
    this.details = fields.details;
    this.retryAfter = fields.retryAfter;
  }
}

/** True for an {@link ApiError} with one of these codes. */
export function isApiError(thrown: unknown, ...codes: readonly ApiErrorCode[]): thrown is ApiError {
  return thrown instanceof ApiError && (codes.length === 0 || codes.includes(thrown.code));
}

/**
 * The error for an answer other than 2xx.
 *
 * @param what the request, for the message: `get ConfigMap ns/name`
 * @param body the body as text: usually a Status in JSON, but a proxy in between may send anything
 * @param retryAfterHeader the header `Retry-After` in seconds, as the API server sends it
 */
export function errorFromResponse(
  what: string,
  status: number,
  body: string,
  retryAfterHeader?: string,
): ApiError {
  const parsed = parseStatus(body);
  const headerSeconds = Number(retryAfterHeader);
  const fallback = headerSeconds > 0 ? seconds(headerSeconds) : undefined;
  return errorFromStatus(what, { ...parsed, code: status }, fallback);
}

/** The error for a Status. A watch that began with 200 may also contain one. */
export function errorFromStatus(what: string, status: KubernetesStatus, retryAfter?: Milliseconds): ApiError {
  const http = typeof status.code === 'number' ? status.code : 500;
  const after = retryAfterOf(status) ?? retryAfter;
  return new ApiError(`${describe(http, status)} [${what}]`, {
    code: codeOf(http, status.reason),
    status: http,
    ...(status.reason !== undefined && { reason: status.reason }),
    ...(status.details !== undefined && { details: status.details }),
    ...(after !== undefined && { retryAfter: after }),
  });
}

function retryAfterOf(status: KubernetesStatus): Milliseconds | undefined {
  const value = status.details?.retryAfterSeconds;
  return typeof value === 'number' && value > 0 ? milliseconds(value * 1000) : undefined;
}

function describe(http: number, status: KubernetesStatus): string {
  const said = status.message ?? 'the answer had no message';
  const text = `${said} (HTTP ${http}${status.reason === undefined ? '' : ` ${status.reason}`})`;
  if (http === 401) return `${text}; check the token or certificate in the kubeconfig`;
  if (http === 403) return `${text}${adviceOn(status)}`;
  return text;
}

/**
 * Quotas, policies and terminating namespaces also answer with 403, and no role helps then. The Status's causes
 * identify a terminating namespace. Only the text shows that a role is missing: "cannot VERB resource"
 * (k8s.io/apiserver, responsewriters.forbiddenMessage).
 */
function adviceOn({ message = '', details }: KubernetesStatus): string {
  if (details?.causes?.some(({ reason }) => reason === 'NamespaceTerminating') === true)
    return '; the namespace is being deleted, and nothing can be created in it';
  if (/ cannot \S+ (resource|path) /.test(message)) return '; check the roles bound to this identity';
  return '';
}

function codeOf(http: number, reason: string | undefined): ApiErrorCode {
  if (reason === 'Expired' || reason === 'Gone' || http === 410) return 'API_GONE';
  if (http === 409) return reason === 'AlreadyExists' ? 'API_ALREADY_EXISTS' : 'API_CONFLICT';
  if (http === 401) return 'API_UNAUTHORIZED';
  if (http === 403) return 'API_FORBIDDEN';
  if (http === 404) return 'API_NOT_FOUND';
  if (http === 422) return 'API_INVALID';
  if (http === 429) return 'API_TOO_MANY_REQUESTS';
  if (http >= 500) return 'API_SERVER_ERROR';
  return http >= 400 ? 'API_BAD_REQUEST' : 'API_BAD_RESPONSE';
}

function parseStatus(body: string): KubernetesStatus {
  try {
    const value: unknown = JSON.parse(body);
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value;
  } catch {
    // Not JSON: a proxy's page, or the plain text of an API server that is starting.
  }
  const text = shortened(body.trim(), 200);
  return text === '' ? {} : { message: text };
}
