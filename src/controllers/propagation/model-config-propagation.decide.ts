import { compareText } from '../../lib/compare-text.ts';
import type { ConfigMap } from '../../contract/kubernetes.ts';
import { isFinished } from '../../contract/watched-pod.ts';
import type { WatchedPod } from '../../contract/watched-pod.ts';

/**
 * A version of the ConfigMaps that a pod mounts: their resourceVersions, in the order of their names. Not a hash of
 * their content: when content returns (A, B, A), kubelet may have read B in between, and must read again.
 */
export type ModelConfigVersion = string & { readonly __brand: 'ModelConfigVersion' };

/** Whether a pod must be annotated, so that its kubelet reads the ConfigMap now and not after about a minute. */
export type PropagationDecision =
  | { readonly kind: 'annotate'; readonly version: ModelConfigVersion }
  | { readonly kind: 'leave'; readonly reason: LeaveReason };

type LeaveReason =
  /** It mounts none of the ConfigMaps that this project manages. */
  | 'NotMounted'
  /** Its containers have ended, or it is being deleted. */
  | 'Finished'
  /** It has no node yet: kubelet reads the ConfigMap when it mounts it. */
  | 'NotScheduled'
  /** Its kubelet was notified of this version, or mounted it at the start. */
  | 'UpToDate';

interface PropagationInput {
  readonly pod: WatchedPod;
  /** The version of the ConfigMaps that the pod mounts; undefined when it mounts none of ours. */
  readonly version: ModelConfigVersion | undefined;
  /** The version when the pod was first seen, or of the last annotation written to it. */
  readonly known: ModelConfigVersion | undefined;
}

export function decidePropagation({ pod, version, known }: PropagationInput): PropagationDecision {
  if (version === undefined) return { kind: 'leave', reason: 'NotMounted' };
  if (isFinished(pod)) return { kind: 'leave', reason: 'Finished' };
  if (!pod.scheduled) return { kind: 'leave', reason: 'NotScheduled' };
  if (known === version || pod.modelConfigVersion === version) return { kind: 'leave', reason: 'UpToDate' };
  return { kind: 'annotate', version };
}

/** The version of the ConfigMaps that the pod mounts and this project manages. */
export function mountedVersion(
  pod: WatchedPod,
  configMaps: Iterable<ConfigMap>,
): ModelConfigVersion | undefined {
  const mounted = [...configMaps].filter(({ metadata }) => pod.configMaps.includes(metadata.name));
  if (mounted.length === 0) return undefined;
  return mounted
    .sort((a, b) => compareText(a.metadata.name, b.metadata.name))
    .map(({ metadata }) => metadata.resourceVersion ?? '')
    .join('.') as ModelConfigVersion;
}

/**
 * The known version of a pod that is seen for the first time. A pod with our annotation was notified of that version.
 * Any other mounted the ConfigMap after its creation, or while another replica led. It is assumed to be up to date, so
 * that no pod is written without need.
 */
export function firstKnown(
  pod: WatchedPod,
  version: ModelConfigVersion | undefined,
): ModelConfigVersion | undefined {
  return pod.modelConfigVersion === undefined ? version : (pod.modelConfigVersion as ModelConfigVersion);
}
