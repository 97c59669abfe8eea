import type { Clock } from '../../lib/clock.ts';
import type { ConfigMap, ObjectKey } from '../../contract/kubernetes.ts';
import { keyOf, splitKey } from '../../contract/kubernetes.ts';
import { decidePropagation, firstKnown, mountedVersion } from './model-config-propagation.decide.ts';
import type { ModelConfigVersion, PropagationDecision } from './model-config-propagation.decide.ts';
import { MODEL_CONFIG_VERSION } from '../../contract/names.ts';
import type { WatchedPod } from '../../contract/watched-pod.ts';
import type { ApiClient } from '../../kube/api-client.ts';
import { isApiError } from '../../kube/api-error.ts';
import { PODS } from '../../kube/resources.ts';
import { createTokenBucket } from '../../lib/token-bucket.ts';

/** The outcome of one try to annotate a pod. */
export type PropagationResult = 'annotated' | 'pod-gone' | 'failed';

interface PropagationOptions {
  readonly client: Pick<ApiClient, 'patch'>;
  readonly clock: Clock;
  readonly pod: (key: ObjectKey) => WatchedPod | undefined;
  /** The ConfigMaps that this project manages for the pod's InferenceService. */
  readonly configMapsFor: (pod: WatchedPod) => Iterable<ConfigMap>;
  readonly observe: (result: PropagationResult) => void;
}

/**
 * Notifies kubelets of changed ConfigMaps, with an annotation on the pods that mount them. Every replica observes, so
 * that a new leader knows which pods mount which version; only the leader writes.
 */
interface Propagation {
  /** Whether the pod must be annotated. Call on every change of the pod or of what it mounts. */
  isDue(pod: WatchedPod): boolean;
  forget(pod: WatchedPod): void;
  /**
   * Annotates the pod, once it has a turn and if it still needs it then.
   * @throws {ApiError} when the API server refuses or cannot be reached
   */
  annotate(key: ObjectKey, signal: AbortSignal): Promise<void>;
}

/**
 * A rollout of models to a hundred replicas is notified at once; for a thousand the API server has 20 s of light work.
 */
const RATE = { perSecond: 50, burst: 100 };
const FIELD_MANAGER = 'kserve-mms-propagation';

export function createPropagation(options: PropagationOptions): Propagation {
  const { client, clock, configMapsFor, observe } = options;
  /** By the pod's uid: the version that it mounted when it was first seen, or of this replica's last annotation. */
  const known = new Map<string, ModelConfigVersion>();
  const bucket = createTokenBucket({ ...RATE, clock });

  function decide(pod: WatchedPod): PropagationDecision {
    const uid = pod.metadata.uid ?? '';
    const version = mountedVersion(pod, configMapsFor(pod));
    if (!known.has(uid)) {
      const first = firstKnown(pod, version);
      if (first !== undefined) known.set(uid, first);
    }
    return decidePropagation({ pod, version, known: known.get(uid) });
  }

  async function patch(pod: WatchedPod, version: ModelConfigVersion, signal: AbortSignal): Promise<void> {
    const uid = pod.metadata.uid ?? '';
    // With the uid, the API server refuses the patch if another pod has this name by now.
    const body = { metadata: { uid, annotations: { [MODEL_CONFIG_VERSION]: version } } };
    try {
      await client.patch(
        PODS,
        splitKey(keyOf(pod)),
        { type: 'merge', body },
        { fieldManager: FIELD_MANAGER, signal },
      );
      known.set(uid, version);
      observe('annotated');
    } catch (thrown) {
      const gone = isApiError(thrown, 'API_NOT_FOUND') || isUidRefused(thrown);
      observe(gone ? 'pod-gone' : 'failed');
      if (!gone) throw thrown;
    }
  }

  return {
    isDue: (pod) => decide(pod).kind === 'annotate',
    forget: ({ metadata }) => void known.delete(metadata.uid ?? ''),
    async annotate(key, signal) {
      const before = options.pod(key);
      if (before === undefined || decide(before).kind === 'leave') return;
      await bucket.take(signal);
      const pod = options.pod(key);
      const decision = pod === undefined ? undefined : decide(pod);
      if (signal.aborted || pod === undefined || decision?.kind !== 'annotate') bucket.giveBack();
      else await patch(pod, decision.version, signal);
    },
  };
}

/** The API server reports a patch with another uid as an attempt to change the uid (seen on 1.36). */
function isUidRefused(thrown: unknown): boolean {
  return (
    isApiError(thrown, 'API_INVALID') &&
    thrown.details?.causes?.some(({ field }) => field === 'metadata.uid') === true
  );
}
