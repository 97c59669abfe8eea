import { recordOf, textMapIn } from '../../../lib/json.ts';
import { LEAVING_LABEL, predictorName } from '../../../contract/names.ts';
import { isApiError } from '../../../kube/api-error.ts';
import { getIfThere } from '../../../kube/get-if-there.ts';
import { DEPLOYMENTS, PODS } from '../../../kube/resources.ts';
import { deleteIfThere } from '../../../kube/unless-there.ts';
import type { ClusterConnection } from '../../cluster-connection.ts';
import { listObjects } from '../../cluster-snapshot.ts';

/*
 * A pod that is deleted is told to end at once, and kube-proxy leads requests to it for a moment more. KServe gives its pods no preStop
 * hook that would bridge this. So they first lose the labels by which their Service and their ReplicaSet find them, go on answering
 * until nobody is led to them any more, and are deleted then.
 */

type Place = Pick<ClusterConnection, 'client' | 'namespace'>;

/**
 * Takes the pods of an InferenceService out of its Service.
 *
 * @returns what is to be said of it; where this user may not change pods, they end as in any other scaling
 */
export async function takeOutOfService({ client, namespace }: Place, name: string): Promise<string> {
  const deployment = await getIfThere(client, DEPLOYMENTS, { namespace, name: predictorName(name) });
  const selected = Object.entries(textMapIn(recordOf(recordOf(deployment?.spec)['selector'])['matchLabels']));
  if (selected.length === 0) return '';
  const selector = selected.map(([key, value]) => `${key}=${value}`).join();
  const labels = { ...Object.fromEntries(selected.map(([key]) => [key, null])), [LEAVING_LABEL]: name };
  try {
    for (const { metadata } of await listObjects(client, PODS, namespace, selector)) {
      if (metadata.deletionTimestamp !== undefined) continue;
      const patch = { type: 'merge', body: { metadata: { labels } } } as const;
      await unlessGone(client.patch(PODS, { namespace, name: metadata.name }, patch));
    }
    return ', and its pods are out of its Service';
  } catch (thrown) {
    if (!isApiError(thrown, 'API_FORBIDDEN')) throw thrown;
    return '; you may not patch pods, so a request may have failed when they ended';
  }
}

async function unlessGone(work: Promise<unknown>): Promise<void> {
  try {
    await work;
  } catch (thrown) {
    if (!isApiError(thrown, 'API_NOT_FOUND')) throw thrown;
  }
}

/** Deletes the pods that were taken out of the Service. */
export async function endLeavingPods({ client, namespace }: Place, name: string): Promise<string> {
  const pods = await listObjects(client, PODS, namespace, `${LEAVING_LABEL}=${name}`);
  for (const { metadata } of pods) await deleteIfThere(client, PODS, { namespace, name: metadata.name });
  return `${pods.length} ${pods.length === 1 ? 'pod' : 'pods'} of its own deleted, which nobody calls any more`;
}
