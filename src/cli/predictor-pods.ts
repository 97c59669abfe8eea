import { compareText } from '../lib/compare-text.ts';
import { COMPONENT_LABEL, INFERENCE_SERVICE_LABEL, PREDICTOR_COMPONENT } from '../contract/names.ts';
import { isFinished, watchedPod } from '../contract/watched-pod.ts';
import type { WatchedPod } from '../contract/watched-pod.ts';
import { PODS } from '../kube/resources.ts';
import type { ClusterConnection } from './cluster-connection.ts';
import { listObjects } from './cluster-snapshot.ts';

/** The pods of an InferenceService's predictor that are not about to end, by name; of all of them without a name. */
export async function predictorPods(
  { client, namespace }: Pick<ClusterConnection, 'client'> & { readonly namespace: string | undefined },
  service?: string,
): Promise<WatchedPod[]> {
  const selector = service === undefined ? INFERENCE_SERVICE_LABEL : `${INFERENCE_SERVICE_LABEL}=${service}`;
  const pods = await listObjects(client, PODS, namespace, selector);
  return pods
    .filter(
      ({ metadata }) => (metadata.labels?.[COMPONENT_LABEL] ?? PREDICTOR_COMPONENT) === PREDICTOR_COMPONENT,
    )
    .map(watchedPod)
    .filter((pod) => !isFinished(pod))
    .sort((a, b) => compareText(a.metadata.name, b.metadata.name));
}
