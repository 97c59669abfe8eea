import { INFERENCE_SERVICE_API_VERSION, INFERENCE_SERVICE_KIND } from './names.ts';
import type { InferenceService } from './inference-service.ts';
import type { KubernetesObject, OwnerReference } from './kubernetes.ts';

/** For what is made of an InferenceService: it is its controller, and takes what it owns along when it is deleted. */
export function ownerReferenceTo({ metadata: { name, uid = '' } }: InferenceService): OwnerReference {
  return {
    apiVersion: INFERENCE_SERVICE_API_VERSION,
    kind: INFERENCE_SERVICE_KIND,
    name,
    uid,
    controller: true,
    blockOwnerDeletion: true,
  };
}

/** Whether the object was made for the owner, and not for a deleted one of the same name. */
export function isControlledBy(
  object: KubernetesObject | undefined,
  { metadata }: KubernetesObject,
): boolean {
  const references = object?.metadata.ownerReferences ?? [];
  return references.some(({ controller, uid }) => controller === true && uid === metadata.uid);
}
