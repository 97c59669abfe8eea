import { recordOf, textMapIn } from '../../../lib/json.ts';
import { LEAVING_LABEL, predictorName } from '../../../contract/names.ts';
import { isApiError } from '../../../kube/api-error.ts';
import { getIfThere } from '../../../kube/get-if-there.ts';
import { DEPLOYMENTS, PODS } from '../../../kube/resources.ts';
import { deleteIfThere } from '../../../kube/unless-there.ts';
import type { ClusterConnection } from '../../cluster-connection.ts';
import { listObjects } from '../../cluster-snapshot.ts';

/*
 * A deleted pod gets SIGTERM at once, while kube-proxy still routes requests to it for a moment. KServe's pods have
 * no preStop hook to bridge this. So pods first lose the labels by which their Service and their ReplicaSet select
 * them, keep answering until no requests are routed to them, and are then deleted.
 */

type Place = Pick<ClusterConnection, 'client' | 'namespace'>;

/**
 * Removes the pods of an InferenceService from its Service.
 * @returns text for the progress line; if this user may not change pods, they end as in any other scaling
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

/** Deletes the pods that were removed from the Service. */
export async function endLeavingPods({ client, namespace }: Place, name: string): Promise<string> {
  const pods = await listObjects(client, PODS, namespace, `${LEAVING_LABEL}=${name}`);
  for (const { metadata } of pods) await deleteIfThere(client, PODS, { namespace, name: metadata.name });
  return `${pods.length} ${pods.length === 1 ? 'pod' : 'pods'} of its own deleted, after the last requests`;
}
