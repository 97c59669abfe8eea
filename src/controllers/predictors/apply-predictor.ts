import type { KubernetesObject } from '../../contract/kubernetes.ts';
import type { JsonObject } from '../../lib/json.ts';
import { isRecord } from '../../lib/json.ts';
import type { ManagedFields } from './managed-fields.decide.ts';
import { keyOf, splitKey } from '../../contract/kubernetes.ts';
import { rebuiltSpecs } from './predictor-repair.decide.ts';
import { replicasBody, replicasToKeep } from './predictor-replicas.decide.ts';
import type { KeptReplicas } from './predictor-replicas.decide.ts';
import type { WantedObject } from './predictor-workload.decide.ts';
import type { ApiClient } from '../../kube/api-client.ts';
import { isApiError } from '../../kube/api-error.ts';
import type { ObjectReference, Resource } from '../../kube/resources.ts';

/** Not the manager of the ConfigMap writer, so that no apply removes the other's fields. */
export const FIELD_MANAGER = 'kserve-mms-predictors';
/** Holds the number of pods while it passes from one owner to another. */
const REPLICAS_MANAGER = 'kserve-mms-replicas';

/**
 * Applies the desired version of an existing object by server-side apply. If the API server refuses that, it replaces
 * the whole spec at once; see {@link rebuiltSpecs}. The number of pods is kept; see {@link replicasToKeep}.
 * @throws {ApiError} the refusal of the apply, when nothing else was accepted either; API_CONFLICT when the object has
 * changed
 */
export async function applyOver<T extends KubernetesObject>(
  client: ApiClient,
  resource: Resource<T>,
  wanted: WantedObject,
  uid: string,
): Promise<T> {
  const reference = splitKey(keyOf(wanted));
  if (resource.kind === 'Deployment') await keepReplicas(client, resource, wanted);
  try {
    return await apply(client, resource, wanted, uid);
  } catch (thrown) {
    // An unknown field is another error (500), which replacing the spec cannot fix.
    if (!isApiError(thrown, 'API_INVALID')) throw thrown;
    if (!(await rebuild(client, resource, reference, wanted))) throw thrown;
  }
  return await disowned(client, resource, reference, await apply(client, resource, wanted, uid));
}

/** Scales a Deployment that cannot be applied to zero, and remembers its number of pods. */
export async function stopPods<T extends KubernetesObject>(
  client: ApiClient,
  resource: Resource<T>,
  reference: ObjectReference,
): Promise<T> {
  const live = await client.get(resource, reference);
  const { replicas = 1 } = specOf(live) as { replicas?: number };
  const body = replicasBody(live, { replicas: 0, remembered: Math.max(1, replicas) });
  return await client.patch(resource, reference, {
    ...{ type: 'apply', body, fieldManager: REPLICAS_MANAGER, force: true },
  });
}

function apply<T extends KubernetesObject>(
  client: ApiClient,
  resource: Resource<T>,
  wanted: WantedObject,
  uid: string,
): Promise<T> {
  const body = { ...wanted, metadata: { ...wanted.metadata, uid } };
  return client.patch(resource, splitKey(keyOf(wanted)), {
    ...{ type: 'apply', body, fieldManager: FIELD_MANAGER, force: true },
  });
}

async function keepReplicas<T extends KubernetesObject>(
  client: ApiClient,
  resource: Resource<T>,
  wanted: WantedObject,
): Promise<void> {
  const reference = splitKey(keyOf(wanted));
  const live = await client.get(resource, reference);
  const kept: KeptReplicas | undefined = replicasToKeep(wanted, live, entriesOf(live), FIELD_MANAGER);
  if (kept === undefined) return;
  const body = replicasBody(live, kept);
  await client.patch(resource, reference, {
    ...{ type: 'apply', body, fieldManager: REPLICAS_MANAGER, force: true },
  });
}

/** Whether the API server has accepted one of the specs. */
async function rebuild<T extends KubernetesObject>(
  client: ApiClient,
  resource: Resource<T>,
  reference: ObjectReference,
  wanted: WantedObject,
): Promise<boolean> {
  const live = await client.get(resource, reference);
  for (const spec of rebuiltSpecs(wanted.spec, specOf(live), entriesOf(live), FIELD_MANAGER)) {
    try {
      await patchAt(client, resource, reference, live, { op: 'replace', path: '/spec', value: spec });
      return true;
    } catch (thrown) {
      if (!isApiError(thrown, 'API_INVALID')) throw thrown;
    }
  }
  return false;
}

/**
 * Replacing a spec makes a second entry of the same manager beside that of its applies. A field that both own would
 * survive an apply that omits it.
 */
async function disowned<T extends KubernetesObject>(
  client: ApiClient,
  resource: Resource<T>,
  reference: ObjectReference,
  applied: T,
): Promise<T> {
  const entries = entriesOf(applied);
  const others = entries.filter(
    ({ manager, operation }) => manager !== FIELD_MANAGER || operation !== 'Update',
  );
  if (others.length === entries.length) return applied;
  const patch = { op: 'replace', path: '/metadata/managedFields', value: others };
  return await patchAt(client, resource, reference, applied, patch);
}

/** A patch of exactly the version that was read; API_CONFLICT on any other. */
function patchAt<T extends KubernetesObject>(
  client: ApiClient,
  resource: Resource<T>,
  reference: ObjectReference,
  { metadata }: T,
  change: object,
): Promise<T> {
  const version = { op: 'replace', path: '/metadata/resourceVersion', value: metadata.resourceVersion };
  const body = [version, change];
  return client.patch(resource, reference, { type: 'json', body }, { fieldManager: FIELD_MANAGER });
}

function entriesOf({ metadata }: KubernetesObject): readonly ManagedFields[] {
  const { managedFields } = metadata as { managedFields?: readonly ManagedFields[] };
  return managedFields ?? [];
}

function specOf(object: KubernetesObject): JsonObject {
  const { spec } = object as { spec?: unknown };
  return isRecord(spec) ? (spec as JsonObject) : {};
}
