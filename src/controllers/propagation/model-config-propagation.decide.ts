import { compareText } from '../../lib/compare-text.ts';
import type { ConfigMap } from '../../contract/kubernetes.ts';
import { isFinished } from '../../contract/watched-pod.ts';
import type { WatchedPod } from '../../contract/watched-pod.ts';

/**
 * A version of the ConfigMaps that a pod mounts: their resourceVersions, in the order of their names. Not a hash of their
 * content: when a content comes back (A, B, A), kubelet may have seen the B between, and has to look once more.
 */
export type ModelConfigVersion = string & { readonly __brand: 'ModelConfigVersion' };

/** Whether a pod has to be annotated, so that its kubelet looks at the ConfigMap now and not after a minute or so. */
export type PropagationDecision =
  | { readonly kind: 'annotate'; readonly version: ModelConfigVersion }
  | { readonly kind: 'leave'; readonly reason: LeaveReason };

type LeaveReason =
  /** It mounts none of the ConfigMaps that this project keeps. */
  | 'NotMounted'
  /** Its containers have ended, or it is being deleted. */
  | 'Finished'
  /** It has no node yet: kubelet reads the ConfigMap when it mounts it. */
  | 'NotScheduled'
  /** Its kubelet was notified of this version, or mounted it at the start. */
  | 'UpToDate';

interface PropagationInput {
  readonly pod: WatchedPod;
  /** Of those that the pod mounts; undefined when it mounts none of ours. */
  readonly version: ModelConfigVersion | undefined;
  /** The version that was there when the pod was first seen, or of the last annotation written to it. */
  readonly known: ModelConfigVersion | undefined;
}

export function decidePropagation({ pod, version, known }: PropagationInput): PropagationDecision {
  if (version === undefined) return { kind: 'leave', reason: 'NotMounted' };
  if (isFinished(pod)) return { kind: 'leave', reason: 'Finished' };
  if (!pod.scheduled) return { kind: 'leave', reason: 'NotScheduled' };
  if (known === version || pod.modelConfigVersion === version) return { kind: 'leave', reason: 'UpToDate' };
  return { kind: 'annotate', version };
}

/** The version of what the pod mounts, out of the ConfigMaps that this project keeps for its InferenceService. */
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
 * What to take for known of a pod that is seen for the first time. One that carries our annotation was notified of just that
 * version. Any other mounts the ConfigMap after it was created, or did so while another replica looked after it: it is
 * taken for up to date, so that no pod is written to without need.
 */
export function firstKnown(
  pod: WatchedPod,
  version: ModelConfigVersion | undefined,
): ModelConfigVersion | undefined {
  return pod.modelConfigVersion === undefined ? version : (pod.modelConfigVersion as ModelConfigVersion);
}
