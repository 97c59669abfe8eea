import { createHash } from 'node:crypto';
import { isRecord } from '../../lib/json.ts';
import type { KubernetesObject, ObjectMeta } from '../../contract/kubernetes.ts';
import type { JsonObject } from '../../lib/json.ts';
import { INFERENCE_SERVICE_KIND } from '../../contract/names.ts';
import type { WantedObject } from './predictor-workload.decide.ts';

/** What was applied last, by this process: the API server's answer says how it understood it. */
export interface AppliedRecord {
  /** The {@link fingerprint} of what was wanted. */
  readonly wanted: string;
  readonly uid: string;
  /** Undefined for kinds that have none, such as Services. */
  readonly generation: number | undefined;
}

/** What has to happen to one object of a predictor. */
type PredictorChange =
  | { readonly kind: 'none' }
  | { readonly kind: 'create' }
  | { readonly kind: 'apply'; readonly uid: string; readonly because: string }
  /** It is being deleted; its going brings the next look. */
  | { readonly kind: 'wait' }
  /** Somebody else's: it must be left alone, and a person told. */
  | { readonly kind: 'foreign'; readonly message: string };

/**
 * Compares an object with what is wanted of it, without asking the API server: an apply that changes nothing is a write
 * request all the same. A Deployment's generation grows with every change of its spec, whoever makes it; a Service is small
 * enough to be compared itself.
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
      ? 'not looked at before'
      : applied.wanted !== fingerprint(wanted)
        ? 'something else is wanted'
        : hasDrifted(wanted, live, applied)
          ? 'somebody has changed it'
          : undefined;
  return because === undefined ? { kind: 'none' } : { kind: 'apply', uid, because };
}

/** By which a wanted object is known again: plans are made the same way each time, in the same order. */
export function fingerprint(wanted: WantedObject): string {
  return createHash('sha256').update(JSON.stringify(wanted)).digest('base64');
}

function hasDrifted(wanted: WantedObject, live: KubernetesObject, { generation }: AppliedRecord): boolean {
  const { labels = {}, annotations = {} } = wanted.metadata;
  const { metadata } = live;
  if (!holds(metadata.labels ?? {}, labels) || !holds(metadata.annotations ?? {}, annotations)) return true;
  if (generation !== undefined) return metadata.generation !== generation;
  const { spec } = live as { spec?: JsonObject };
  // A key more in a Service's selector selects other pods: Kubernetes takes it as one field (`+mapType=atomic`, core/v1).
  return !holds(spec, wanted.spec) || !holds(wanted.spec['selector'], spec?.['selector']);
}

/** Whether everything wanted is there; more may be, by the API server's defaults or by others. */
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
    return `${kind} ${name} is there already and was not made for this InferenceService; delete or rename one of them`;
  }
  const former = controller.kind === INFERENCE_SERVICE_KIND ? ', perhaps a deleted one of the same name' : '';
  return `${kind} ${name} belongs to ${controller.kind} ${controller.name}${former}; it has to go first`;
}
