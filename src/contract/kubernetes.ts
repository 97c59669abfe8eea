import { isRecord, recordsIn, textMapIn } from '../lib/json.ts';

/**
 * The parts of Kubernetes objects that decisions read and write, as raw JSON. Unlike generated client types, they keep
 * unknown fields, which an admission patch must not lose.
 */

/** Seconds and names below are Kubernetes': https://kubernetes.io/docs/reference/kubernetes-api/ */
export interface OwnerReference {
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
  readonly uid: string;
  readonly controller?: boolean;
  readonly blockOwnerDeletion?: boolean;
}

export interface ObjectMeta {
  readonly name: string;
  readonly namespace?: string;
  readonly generateName?: string;
  readonly uid?: string;
  readonly resourceVersion?: string;
  readonly generation?: number;
  /** RFC 3339. */
  readonly creationTimestamp?: string;
  /** RFC 3339; set once deletion was requested. */
  readonly deletionTimestamp?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly ownerReferences?: readonly OwnerReference[];
  readonly finalizers?: readonly string[];
}

export interface KubernetesObject {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly metadata: ObjectMeta;
}

export interface ConfigMap extends KubernetesObject {
  readonly data?: Readonly<Record<string, string>>;
  readonly binaryData?: Readonly<Record<string, string>>;
  readonly immutable?: boolean;
}

/** Values are base64. */
export interface Secret extends KubernetesObject {
  readonly type?: string;
  readonly data?: Readonly<Record<string, string>>;
}

export interface ServiceAccount extends KubernetesObject {
  readonly secrets?: readonly { readonly name?: string }[];
}

/** `namespace/name`: the identity of a namespaced object, and the reconcile key of an InferenceService. */
export type ObjectKey = string & { readonly __brand: 'ObjectKey' };

/** A Kubernetes name cannot contain a slash, so the key is unambiguous. */
export function objectKey(namespace: string, name: string): ObjectKey {
  return `${namespace}/${name}` as ObjectKey;
}

/** The key of an object from the API server. */
export function keyOf(object: KubernetesObject): ObjectKey {
  return objectKey(object.metadata.namespace ?? '', object.metadata.name);
}

/** The two parts of a key made by {@link objectKey}. */
export function splitKey(key: ObjectKey): { namespace: string; name: string } {
  const slash = key.indexOf('/');
  return { namespace: key.slice(0, slash), name: key.slice(slash + 1) };
}

/** A local, eventually consistent copy of all objects of one kind. Decisions read the cluster only through it. */
export interface ObjectCache<T extends KubernetesObject> {
  /** False until the first full list has arrived. Before that, an absent object means nothing. */
  readonly synced: boolean;
  get(key: ObjectKey): T | undefined;
  list(): Iterable<T>;
}

/** Whether this owner controls the object, and not a deleted owner of the same name. */
export function isControlledBy(
  object: KubernetesObject | undefined,
  { metadata }: KubernetesObject,
): boolean {
  const references = object?.metadata.ownerReferences ?? [];
  return references.some(({ controller, uid }) => controller === true && uid === metadata.uid);
}

/**
 * Whether a LabelSelector in JSON matches the labels. No selector matches everything; a malformed one matches nothing.
 * https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#resources-that-support-set-based-requirements
 */
export function selects(selector: unknown, labels: Readonly<Record<string, string>>): boolean {
  return firstUnmet(selector, labels) === undefined;
}

/** The first requirement that the labels do not meet, in words; undefined when they match. */
export function firstUnmet(selector: unknown, labels: Readonly<Record<string, string>>): string | undefined {
  if (selector === undefined || selector === null) return undefined;
  if (!isRecord(selector)) return 'the selector is malformed';
  const own = new Map(Object.entries(labels));
  for (const [key, value] of Object.entries(textMapIn(selector['matchLabels']))) {
    if (own.get(key) !== value) return `${key}=${value}`;
  }
  const unmet = recordsIn(selector['matchExpressions']).find((expression) => !meets(expression, own));
  return unmet === undefined ? undefined : inWords(unmet);
}

function meets(expression: Readonly<Record<string, unknown>>, labels: ReadonlyMap<string, string>): boolean {
  const value = labels.get(String(expression['key']));
  const values: unknown[] = Array.isArray(expression['values']) ? expression['values'] : [];
  switch (expression['operator']) {
    case 'Exists':
      return value !== undefined;
    case 'DoesNotExist':
      return value === undefined;
    case 'In':
      return value !== undefined && values.includes(value);
    case 'NotIn':
      return value === undefined || !values.includes(value);
    default:
      return false;
  }
}

function inWords({ key, operator, values }: Readonly<Record<string, unknown>>): string {
  const set = Array.isArray(values) && values.length > 0 ? ` (${values.join(', ')})` : '';
  return `${String(key)} ${String(operator)}${set}`;
}
