import { isUtf8 } from 'node:buffer';
import {
  ADMISSION_API_VERSION,
  ADMISSION_KIND,
  type AdmissionDecision,
  type AdmissionRequest,
} from '../core/admission.ts';
import type { JsonObject, JsonValue } from '../core/kubernetes.ts';
import { pruneDeepJson } from './nesting-depth.ts';

/** The same limit as controller-runtime's; etcd refuses objects far smaller than this. */
export const MAX_BODY_BYTES = 7 * 1024 * 1024;
/** Far deeper than any Kubernetes object, far from where recursion overflows the stack. */
export const MAX_NESTING_DEPTH = 1000;
/** The API server sends a UUID. */
const MAX_UID_LENGTH = 256;

export type DecodedReview =
  | { readonly kind: 'ok'; readonly request: AdmissionRequest }
  /** A review whose object cannot be looked at; the caller is told so in an ordinary answer. */
  | { readonly kind: 'refused'; readonly uid: string; readonly decision: AdmissionDecision }
  /** Not a review of a version that is spoken here. `uid` is there when one could be read. */
  | Malformed;

export interface Malformed {
  readonly kind: 'malformed';
  readonly httpStatus: 400 | 413 | 415;
  readonly message: string;
  readonly uid?: string;
}

export interface ReviewHeaders {
  readonly 'content-type'?: string | undefined;
  readonly 'content-encoding'?: string | undefined;
  /** Decimal bytes. */
  readonly 'content-length'?: string | undefined;
  readonly 'transfer-encoding'?: string | undefined;
}

/** What can be refused before a byte of the body is read; undefined when the body should be. */
export function refuseByHeaders(headers: ReviewHeaders): Malformed | undefined {
  const length = headers['content-length'];
  const chunked = headers['transfer-encoding'] !== undefined;
  if (!chunked && (length === undefined || Number(length) === 0)) return emptyBody();
  const type = (headers['content-type'] ?? '').split(';', 1)[0]?.trim().toLowerCase() ?? '';
  if (type !== 'application/json') {
    return malformed(415, `the content type is ${quoted(type)}; send application/json`);
  }
  const encoding = (headers['content-encoding'] ?? 'identity').trim().toLowerCase();
  if (encoding !== 'identity') {
    return malformed(415, `the content encoding is ${quoted(encoding)}; send the JSON as it is`);
  }
  if (length !== undefined && Number(length) > MAX_BODY_BYTES) return bodyTooLarge();
  return undefined;
}

/** The answer to a body over {@link MAX_BODY_BYTES}. */
export function bodyTooLarge(): Malformed {
  return malformed(413, `the body is longer than ${MAX_BODY_BYTES} bytes`);
}

function emptyBody(): Malformed {
  return malformed(400, 'the body is empty; send an AdmissionReview');
}

/** Reads an AdmissionReview out of bytes that anybody may have sent. Never throws. */
export function decodeReview(body: Buffer): DecodedReview {
  if (body.length === 0) return emptyBody();
  if (!isUtf8(body)) return malformed(400, 'the body is not UTF-8');
  const pruned = pruneDeepJson(body, MAX_NESTING_DEPTH);
  let review: JsonValue;
  try {
    review = JSON.parse((pruned ?? body).toString('utf8')) as JsonValue;
  } catch (thrown) {
    return malformed(400, `the body is not JSON: ${(thrown as SyntaxError).message}`);
  }
  if (!isObject(review)) return malformed(400, 'the body is not a JSON object; send an AdmissionReview');
  return decodeRequest(review, pruned !== undefined);
}

function decodeRequest(review: JsonObject, tooDeep: boolean): DecodedReview {
  const request = field(review, 'request');
  const uid = isObject(request) ? readUid(request) : undefined;
  const apiVersion = field(review, 'apiVersion');
  const kind = field(review, 'kind');
  if (apiVersion !== ADMISSION_API_VERSION || kind !== ADMISSION_KIND) {
    const got = `${quoted(kind)} of ${quoted(apiVersion)}`;
    return malformed(400, `the body is ${got}; send ${ADMISSION_KIND} of ${ADMISSION_API_VERSION}`, uid);
  }
  if (!isObject(request)) return malformed(400, 'the AdmissionReview has no request');
  if (uid === undefined) return malformed(400, 'the AdmissionReview has no request.uid');
  if (tooDeep) return refused(uid, `the object is nested more than ${MAX_NESTING_DEPTH} levels deep`);
  return readRequest(uid, request);
}

function readRequest(uid: string, request: JsonObject): DecodedReview {
  const kind = field(request, 'kind');
  const operation = field(request, 'operation');
  if (!isObject(kind) || !isOperation(operation)) {
    return refused(uid, 'the request lacks its kind or its operation');
  }
  const object = field(request, 'object');
  const oldObject = field(request, 'oldObject');
  const name = text(field(request, 'name'));
  const namespace = text(field(request, 'namespace'));
  return {
    kind: 'ok',
    request: {
      uid,
      kind: {
        group: text(field(kind, 'group')),
        version: text(field(kind, 'version')),
        kind: text(field(kind, 'kind')),
      },
      operation,
      dryRun: field(request, 'dryRun') === true,
      ...(name !== '' && { name }),
      ...(namespace !== '' && { namespace }),
      ...(isObject(object) && { object }),
      ...(isObject(oldObject) && { oldObject }),
    },
  };
}

function malformed(httpStatus: Malformed['httpStatus'], message: string, uid?: string): Malformed {
  return { kind: 'malformed', httpStatus, message, ...(uid !== undefined && { uid }) };
}

function refused(uid: string, message: string): DecodedReview {
  return { kind: 'refused', uid, decision: { kind: 'denied', code: 400, reason: 'BadRequest', message } };
}

function readUid(request: JsonObject): string | undefined {
  const uid = field(request, 'uid');
  return typeof uid === 'string' && uid !== '' && uid.length <= MAX_UID_LENGTH ? uid : undefined;
}

/** Own fields only: a body may well lack a field that Object.prototype has. */
function field(object: JsonObject, name: string): JsonValue | undefined {
  return Object.hasOwn(object, name) ? object[name] : undefined;
}

function text(value: JsonValue | undefined): string {
  return typeof value === 'string' ? value : '';
}

function isObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

const OPERATIONS: ReadonlySet<unknown> = new Set(['CREATE', 'UPDATE', 'DELETE', 'CONNECT']);

function isOperation(value: unknown): value is AdmissionRequest['operation'] {
  return OPERATIONS.has(value);
}

const MAX_QUOTED_LENGTH = 80;

/** Something a stranger sent, short enough for a message. */
function quoted(value: JsonValue | undefined): string {
  const shown = typeof value === 'string' ? value : value === undefined ? '' : `(${typeof value})`;
  return JSON.stringify(shown.slice(0, MAX_QUOTED_LENGTH).toWellFormed());
}
