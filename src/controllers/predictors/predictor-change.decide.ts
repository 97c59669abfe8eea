import { createHash } from 'node:crypto';
import { isRecord } from '../../lib/json.ts';
import type { KubernetesObject, ObjectMeta } from '../../contract/kubernetes.ts';
import type { JsonObject } from '../../lib/json.ts';
import { INFERENCE_SERVICE_KIND } from '../../contract/names.ts';
import type { WantedObject } from './predictor-workload.decide.ts';

/** This process's last apply, and the generation in the API server's response. */
export interface AppliedRecord {
  /** The {@link fingerprint} of the desired object. */
  readonly wanted: string;
  readonly uid: string;
  /** Undefined for kinds without a generation, such as Services. */
  readonly generation: number | undefined;
}

/** The change that one object of a predictor needs. */
type PredictorChange =
  | { readonly kind: 'none' }
  | { readonly kind: 'create' }
  | { readonly kind: 'apply'; readonly uid: string; readonly because: string }
  /** It is being deleted. The deletion event triggers the next reconcile. */
  | { readonly kind: 'wait' }
  /** Another owner's: leave it alone and report it. */
  | { readonly kind: 'foreign'; readonly message: string };

/**
 * Compares an object with the desired one without a request: even an apply that changes nothing is a write. A
 * Deployment's generation grows with every change of its spec, by any client. A Service is small enough to compare
 * directly.
 */
export function predictorChange(
  kind: string,
  wanted: WantedObject,
  live: KubernetesObject | undefined,
  applied: AppliedRecord | undefined,
): PredictorChange {
  if (live === undefined) return { kind: 'create' };
  const { metadata } = live;
  if (!isControlledBy(metadata, wanted.metadata))
    return { kind: 'foreign', message: describeForeign(kind, metadata) };
  if (metadata.deletionTimestamp !== undefined) return { kind: 'wait' };
  const uid = metadata.uid ?? '';
  const because =
    applied?.uid !== uid
      ? 'it was not compared before'
      : applied.wanted !== fingerprint(wanted)
        ? 'the desired state has changed'
        : hasDrifted(wanted, live, applied)
          ? 'it was changed by another client'
          : undefined;
  return because === undefined ? { kind: 'none' } : { kind: 'apply', uid, because };
}

/** Identifies a desired object. Plans are built the same way each time, in the same order. */
export function fingerprint(wanted: WantedObject): string {
  return createHash('sha256').update(JSON.stringify(wanted)).digest('base64');
}

function hasDrifted(wanted: WantedObject, live: KubernetesObject, { generation }: AppliedRecord): boolean {
  const { labels = {}, annotations = {} } = wanted.metadata;
  const { metadata } = live;
  if (!holds(metadata.labels ?? {}, labels) || !holds(metadata.annotations ?? {}, annotations)) return true;
  if (generation !== undefined) return metadata.generation !== generation;
  const { spec } = live as { spec?: JsonObject };
  // An extra key in a Service's selector selects other pods: Kubernetes treats the selector as one field
  // (`+mapType=atomic`, core/v1).
  return !holds(spec, wanted.spec) || !holds(wanted.spec['selector'], spec?.['selector']);
}

/**
 * Whether the live value contains everything desired. It may contain more: defaults of the API server, or fields of
 * others.
 */
function holds(live: unknown, wanted: unknown): boolean {
  if (Array.isArray(wanted)) {
    return Array.isArray(live) && wanted.every((entry) => live.some((candidate) => holds(candidate, entry)));
  }
  if (!isRecord(wanted)) return live === wanted;
  return isRecord(live) && Object.entries(wanted).every(([key, value]) => holds(live[key], value));
}

function isControlledBy(
  { ownerReferences = [] }: ObjectMeta,
  { ownerReferences: wanted = [] }: ObjectMeta,
): boolean {
  const controller = ownerReferences.find(({ controller }) => controller === true);
  return controller !== undefined && wanted.some(({ uid }) => uid === controller.uid);
}

function describeForeign(kind: string, { name, ownerReferences = [] }: ObjectMeta): string {
  const controller = ownerReferences.find((reference) => reference.controller === true);
  if (controller === undefined) {
    return `${kind} ${name} exists already and was not made for this InferenceService; delete or rename one of them`;
  }
  const former = controller.kind === INFERENCE_SERVICE_KIND ? ', perhaps a deleted one of the same name' : '';
  return `${kind} ${name} belongs to ${controller.kind} ${controller.name}${former}; delete that one first`;
}
