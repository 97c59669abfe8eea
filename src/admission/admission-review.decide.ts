import type { Operation } from 'fast-json-patch';
import type { JsonObject } from '../lib/json.ts';

/**
 * The admission webhook protocol, version 1, as far as this project speaks it. Source:
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
  /** The name of the object; absent where the API server is still to make one up. */
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
  /** The API server turns this into a Retry-After header, upon which kubectl and client-go try again. */
  readonly details?: { readonly retryAfterSeconds: number };
}

interface AdmissionResponse {
  /** Empty only where the request had none that could be read. */
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

/** What goes with every decision. */
interface AdmissionNotes {
  /** Short keys; the API server writes `<webhook name>/<key>` into its audit log. */
  readonly auditAnnotations?: Readonly<Record<string, string>>;
  /** Shown by kubectl to the person who sent the object. Kubernetes advises at most 120 characters each. */
  readonly warnings?: readonly string[];
}

/** What a webhook made of a request. */
export type AdmissionDecision = AdmissionNotes &
  (
    | { readonly kind: 'allowed' }
    | { readonly kind: 'patched'; readonly patch: readonly Operation[] }
    /** The sender must change the object. `code` is an HTTP status, `reason` a Kubernetes status reason. */
    | { readonly kind: 'denied'; readonly code: number; readonly reason: string; readonly message: string }
    /** Nothing was decided. A retryable one may pass when it is sent again as it is. */
    | {
        readonly kind: 'errored';
        readonly code?: 500 | 503 | 504;
        readonly retryable: boolean;
        readonly message: string;
      }
  );

/** Kubernetes' reasons for the HTTP statuses that an error is answered with. */
const ERROR_REASONS = { 500: 'InternalError', 503: 'ServiceUnavailable', 504: 'Timeout' } as const;
const RETRY_AFTER_SECONDS = 1;

/** The answer to the request with this uid. Pure. */
export function respond(uid: string, decision: AdmissionDecision): AdmissionReview {
  return {
    apiVersion: ADMISSION_API_VERSION,
    kind: ADMISSION_KIND,
    response: { uid, ...verdict(decision), ...notes(decision) },
  };
}

function verdict(decision: AdmissionDecision): Omit<AdmissionResponse, 'uid'> {
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
/** A message may quote what was sent, which may be as long as a body. */
const MAX_MESSAGE = 4096;
/** Of an audit annotation, which the API server writes into its log as it is. */
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
 * The API server cuts a warning at 256 characters once all of them exceed 4096, and drops what does not fit then;
 * one with control characters it drops at once. Source: k8s.io/apiserver pkg/endpoints/filters/warning.go.
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

/** Cut at the last space that leaves most of the text, and marked as cut. */
function cut(text: string, length: number): string {
  if (text.length <= length) return text;
  const head = text.slice(0, length - 1).toWellFormed();
  const space = head.lastIndexOf(' ');
  return `${space > length / 2 ? head.slice(0, space) : head}…`;
}
