import { isRecord } from '../../lib/json.ts';
import type { KubernetesObject } from '../../contract/kubernetes.ts';
import type { JsonObject } from '../../lib/json.ts';
import { ownedBelow } from './managed-fields.decide.ts';
import type { ManagedFields } from './managed-fields.decide.ts';
import { KEPT_REPLICAS_ANNOTATION, STOP_ANNOTATION } from '../../contract/names.ts';
import type { WantedObject } from './predictor-workload.decide.ts';

/** The write of a Deployment's number of pods that must precede its other fields, so that the number is not lost. */
export interface KeptReplicas {
  readonly replicas: number;
  /** The annotation that remembers a stop; undefined to remove it. */
  readonly remembered: number | undefined;
}

/**
 * A field without an owner falls back to its default: when the predictor releases the number of pods to an autoscaler,
 * it would become 1 until the autoscaler's next run. So another field manager takes the current number before the
 * predictor's own releases it, and an autoscaler that sets another number takes it from there
 * (https://kubernetes.io/docs/reference/using-api/server-side-apply/#transferring-ownership). A stop remembers the
 * number for the time after it.
 * @param own the field manager that applies the Deployment
 */
export function replicasToKeep(
  wanted: WantedObject,
  live: KubernetesObject,
  entries: readonly ManagedFields[],
  own: string,
): KeptReplicas | undefined {
  const spec = (live as { spec?: unknown }).spec;
  const number = isRecord(spec) ? spec['replicas'] : undefined;
  const replicas = typeof number === 'number' ? number : 1;
  const remembered = rememberedIn(live);
  if (wanted.metadata.annotations?.[STOP_ANNOTATION] === 'true') {
    return replicas > 0 ? { replicas, remembered: replicas } : undefined;
  }
  if (wanted.spec['replicas'] !== undefined) {
    return remembered === undefined ? undefined : { replicas, remembered: undefined };
  }
  const wasStopped = live.metadata.annotations?.[STOP_ANNOTATION] === 'true' || remembered !== undefined;
  if (replicas === 0 && wasStopped) return { replicas: remembered ?? 1, remembered: undefined };
  const heldByOthers = entries.some(
    (entry) => entry.manager !== own && ownedBelow(entry, 'spec', 'replicas') !== undefined,
  );
  return heldByOthers && remembered === undefined ? undefined : { replicas, remembered: undefined };
}

function rememberedIn({ metadata }: KubernetesObject): number | undefined {
  const number = Number(metadata.annotations?.[KEPT_REPLICAS_ANNOTATION] ?? '');
  return Number.isInteger(number) && number > 0 ? number : undefined;
}

/** The body of an apply with just these fields. */
export function replicasBody(
  { metadata }: KubernetesObject,
  { replicas, remembered }: KeptReplicas,
): JsonObject {
  const { name, namespace = '', uid = '', resourceVersion = '' } = metadata;
  const annotations =
    remembered === undefined ? {} : { annotations: { [KEPT_REPLICAS_ANNOTATION]: String(remembered) } };
  // Only if unchanged since it was read: an autoscaler may have been faster.
  return { metadata: { name, namespace, uid, resourceVersion, ...annotations }, spec: { replicas } };
}
