import type { Operation } from 'fast-json-patch';
import type { JsonObject } from '../lib/json.ts';

/**
 * The admission webhook protocol, version 1, as far as this project uses it. Source:
 * https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/
 */
export const ADMISSION_API_VERSION = 'admission.k8s.io/v1';
export const ADMISSION_KIND = 'AdmissionReview';

interface GroupVersionKind {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
}

export interface AdmissionRequest {
  readonly uid: string;
  readonly kind: GroupVersionKind;
  readonly operation: 'CREATE' | 'UPDATE' | 'DELETE' | 'CONNECT';
  /** The name of the object; absent when the API server has not generated it yet. */
  readonly name?: string;
  readonly namespace?: string;
  readonly dryRun: boolean;
  /**
   * The object as the API server sent it; absent on DELETE. It is untrusted: it may hold own properties called
   * `__proto__` or `constructor`. Copies by spread or structuredClone keep them harmless; Object.assign and
   * `copy[key] = value` do not.
   */
  readonly object?: JsonObject;
  readonly oldObject?: JsonObject;
}

interface AdmissionStatus {
  readonly code: number;
  readonly message: string;
  readonly reason: string;
  /** The API server turns this into a Retry-After header, and kubectl and client-go retry after it. */
  readonly details?: { readonly retryAfterSeconds: number };
}

interface AdmissionResponse {
  /** Empty only when the request had no readable uid. */
  readonly uid: string;
  readonly allowed: boolean;
  readonly status?: AdmissionStatus;
  readonly patchType?: 'JSONPatch';
  /** The JSON patch (RFC 6902) in base64. */
  readonly patch?: string;
  readonly auditAnnotations?: Readonly<Record<string, string>>;
  readonly warnings?: readonly string[];
}

export interface AdmissionReview {
  readonly apiVersion: typeof ADMISSION_API_VERSION;
  readonly kind: typeof ADMISSION_KIND;
  readonly response: AdmissionResponse;
}

/** Included in every decision. */
interface AdmissionNotes {
  /** Short keys; the API server writes `<webhook name>/<key>` into its audit log. */
  readonly auditAnnotations?: Readonly<Record<string, string>>;
  /** Shown by kubectl to the user who sent the object. Kubernetes advises at most 120 characters each. */
  readonly warnings?: readonly string[];
}

/** A webhook's decision on a request. */
export type AdmissionDecision = AdmissionNotes &
  (
    | { readonly kind: 'allowed' }
    | { readonly kind: 'patched'; readonly patch: readonly Operation[] }
    /** The sender must change the object. `code` is an HTTP status, `reason` a Kubernetes status reason. */
    | { readonly kind: 'denied'; readonly code: number; readonly reason: string; readonly message: string }
    /** No decision was made. A retryable request may pass when it is sent again unchanged. */
    | {
        readonly kind: 'errored';
        readonly code?: 500 | 503 | 504;
        readonly retryable: boolean;
        readonly message: string;
      }
  );

/** Kubernetes' reasons for the HTTP statuses of errors. */
const ERROR_REASONS = { 500: 'InternalError', 503: 'ServiceUnavailable', 504: 'Timeout' } as const;
const RETRY_AFTER_SECONDS = 1;

/** The response to the request with this uid. Pure. */
export function respond(uid: string, decision: AdmissionDecision): AdmissionReview {
  return {
    apiVersion: ADMISSION_API_VERSION,
    kind: ADMISSION_KIND,
    response: { uid, ...responseOf(decision), ...notes(decision) },
  };
}

function responseOf(decision: AdmissionDecision): Omit<AdmissionResponse, 'uid'> {
  switch (decision.kind) {
    case 'allowed':
      return { allowed: true };
    case 'patched':
      if (decision.patch.length === 0) return { allowed: true };
      return { allowed: true, patchType: 'JSONPatch', patch: base64(JSON.stringify(decision.patch)) };
    case 'denied':
      return {
        allowed: false,
        status: { code: decision.code, reason: decision.reason, message: cut(decision.message, MAX_MESSAGE) },
      };
    case 'errored':
      return { allowed: false, status: errorStatus(decision) };
  }
}

function errorStatus(decision: Extract<AdmissionDecision, { kind: 'errored' }>): AdmissionStatus {
  const code = decision.code ?? (decision.retryable ? 503 : 500);
  return {
    code,
    reason: ERROR_REASONS[code],
    message: cut(decision.message, MAX_MESSAGE),
    ...(decision.retryable && { details: { retryAfterSeconds: RETRY_AFTER_SECONDS } }),
  };
}

function base64(text: string): string {
  return Buffer.from(text, 'utf8').toString('base64');
}

function notes({ auditAnnotations, warnings }: AdmissionNotes): Partial<AdmissionResponse> {
  const kept = warnings === undefined ? [] : fitWarnings(warnings);
  return {
    ...(auditAnnotations !== undefined && { auditAnnotations: fitAuditAnnotations(auditAnnotations) }),
    ...(kept.length > 0 && { warnings: kept }),
  };
}

const MAX_KEY_LENGTH = 63;
/** A message may quote the request, which may be as long as a body. */
const MAX_MESSAGE = 4096;
/** The limit of an audit annotation, which the API server logs unchanged. */
const MAX_NOTE = 1024;

/** The API server drops an audit annotation whose key is not the name part of a qualified name. */
function fitAuditAnnotations(annotations: Readonly<Record<string, string>>): Record<string, string> {
  const fitted = new Map<string, string>();
  for (const [key, value] of Object.entries(annotations)) {
    const name = key
      .replace(/[^-A-Za-z0-9_.]/g, '-')
      .replace(/^[^A-Za-z0-9]+/, '')
      .slice(0, MAX_KEY_LENGTH)
      .replace(/[^A-Za-z0-9]+$/, '');
    if (name !== '') fitted.set(name, cut(value, MAX_NOTE));
  }
  return Object.fromEntries(fitted);
}

/**
 * The API server cuts warnings at 256 characters once they exceed 4096 in total, and drops those that still do not fit.
 * It drops a warning with control characters at once. Source: k8s.io/apiserver pkg/endpoints/filters/warning.go.
 */
const MAX_WARNING_LENGTH = 256;
const MAX_WARNINGS_LENGTH = 4096;

function fitWarnings(warnings: readonly string[]): string[] {
  const kept: string[] = [];
  let room = MAX_WARNINGS_LENGTH;
  for (const warning of warnings) {
    const text = cut(
      warning
        .slice(0, MAX_MESSAGE)
        .replace(/[\p{Cc}\s]+/gu, ' ')
        .trim(),
      MAX_WARNING_LENGTH,
    );
    if (text === '') continue;
    if (text.length > room) break;
    kept.push(text);
    room -= text.length;
  }
  return kept;
}

/** Cuts at the last space that leaves most of the text, and marks the cut. */
function cut(text: string, length: number): string {
  if (text.length <= length) return text;
  const head = text.slice(0, length - 1).toWellFormed();
  const space = head.lastIndexOf(' ');
  return `${space > length / 2 ? head.slice(0, space) : head}…`;
}
