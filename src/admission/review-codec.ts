import { isUtf8 } from 'node:buffer';
import {
  ADMISSION_API_VERSION,
  ADMISSION_KIND,
  type AdmissionDecision,
  type AdmissionRequest,
} from './admission-review.decide.ts';
import type { JsonObject, JsonValue } from '../lib/json.ts';
import type { JsonBounds, JsonExcess } from '../lib/json-meter.ts';
import { pruneDeepJson } from './prune-json.ts';

/**
 * etcd's limit is 1.5 MiB per object. A review of an update contains the new and the old object, JSON as it is stored.
 * A pod is stored without its fields' names; its review has one object, with at most the values of {@link
 * REVIEW_BOUNDS}, whose names take some 25 bytes each. Half a MiB is for the rest. Source: --max-request-bytes of etcd.
 */
export const MAX_BODY_BYTES = 3.5 * 1024 * 1024;
/**
 * A pod of 5,000 variables, each with its managedFields, has 40,000 values and 5,000 names. A distinct name costs some
 * ten times as much as a value to parse, decide and compare.
 */
export const REVIEW_BOUNDS: JsonBounds = { values: 60_000, names: 5_500 };
/** Far deeper than any Kubernetes object, and far from a stack overflow. */
export const MAX_NESTING_DEPTH = 1000;
/** The API server sends a UUID. */
const MAX_UID_LENGTH = 256;

export type DecodedReview =
  | { readonly kind: 'ok'; readonly request: AdmissionRequest }
  /** A review whose object cannot be examined; the caller gets the reason in an ordinary answer. */
  | { readonly kind: 'refused'; readonly uid: string; readonly decision: AdmissionDecision }
  /** Not a review of a supported version. `uid` is set when it could be read. */
  | Malformed;

export interface Malformed {
  readonly kind: 'malformed';
  readonly httpStatus: 400 | 413 | 415 | 503;
  readonly message: string;
  readonly uid?: string;
}

interface ReviewHeaders {
  readonly 'content-type'?: string | undefined;
  readonly 'content-encoding'?: string | undefined;
  /** Decimal bytes. */
  readonly 'content-length'?: string | undefined;
  readonly 'transfer-encoding'?: string | undefined;
}

/** A refusal from the headers alone; undefined when the body should be read. */
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

/** The API server writes the uid first. A sender that does not gets an answer without one. */
const UID_AT_THE_START = /"request"\s*:\s*\{\s*"uid"\s*:\s*"([^"\\]{1,256})"/;
const START_BYTES = 4096;

/** The answer to a body that exceeds one of {@link REVIEW_BOUNDS}; `start` is the part that was read. */
export function tooMuch(excess: JsonExcess, start: Buffer): DecodedReview {
  const uid = UID_AT_THE_START.exec(start.toString('latin1', 0, START_BYTES))?.[1];
  const message = {
    values: `the object holds more than ${REVIEW_BOUNDS.values} values in its lists and objects; make it smaller`,
    names: `the object holds more than ${REVIEW_BOUNDS.names} different field names, labels and annotations; use fewer`,
  }[excess];
  return uid === undefined ? malformed(413, message) : refused(uid, message, 413);
}

/** The answer to a body that had to free its memory for others. */
export function noRoom(): Malformed {
  return malformed(503, 'the bodies of other requests need the memory; send it again, and faster');
}

/**
 * Reads an AdmissionReview from untrusted bytes. Never throws.
 * @param depth how deep the JSON is nested
 */
export function decodeReview(body: Buffer, depth: number): DecodedReview {
  if (body.length === 0) return emptyBody();
  if (!isUtf8(body)) return malformed(400, 'the body is not UTF-8');
  const pruned = depth > MAX_NESTING_DEPTH ? pruneDeepJson(body, MAX_NESTING_DEPTH) : undefined;
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

function refused(uid: string, message: string, code: 400 | 413 = 400): DecodedReview {
  const reason = code === 400 ? 'BadRequest' : 'RequestEntityTooLarge';
  return { kind: 'refused', uid, decision: { kind: 'denied', code, reason, message } };
}

function readUid(request: JsonObject): string | undefined {
  const uid = field(request, 'uid');
  return typeof uid === 'string' && uid !== '' && uid.length <= MAX_UID_LENGTH ? uid : undefined;
}

/** Own fields only: a body may lack a field that Object.prototype has. */
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

/** A value from a stranger, cut for a message. */
function quoted(value: JsonValue | undefined): string {
  const shown = typeof value === 'string' ? value : value === undefined ? '' : `(${typeof value})`;
  return JSON.stringify(shown.slice(0, MAX_QUOTED_LENGTH).toWellFormed());
}
