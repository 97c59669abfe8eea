import { objectKey } from '../../contract/kubernetes.ts';
import type { ObjectKey } from '../../contract/kubernetes.ts';
import { REPLACES_LABEL } from '../../contract/names.ts';
import type { ApiClient } from '../../kube/api-client.ts';
import { isApiError } from '../../kube/api-error.ts';
import { ENDPOINT_SLICES } from '../../kube/resources.ts';
import { messageOf } from '../../lib/errors.ts';
import type { Logger } from '../../lib/log.ts';

/**
 * The models of all EndpointSlices of ours, whatever those models say now: an annotation that was removed while nobody led has left
 * its slices behind, and no watch of a later leader tells of it. None where the API server does not say; the next time it may.
 */
export async function modelsOfSlices(client: ApiClient, logger: Logger): Promise<ObjectKey[]> {
  try {
    const { items } = await client.list(ENDPOINT_SLICES, { labelSelector: REPLACES_LABEL });
    return items.flatMap(({ metadata: { namespace, labels } }) => {
      const model = labels?.[REPLACES_LABEL];
      return namespace === undefined || model === undefined ? [] : [objectKey(namespace, model)];
    });
  } catch (thrown) {
    // Without the right nothing can have been left behind: the rule may be taken out where nobody folds.
    if (!isApiError(thrown, 'API_FORBIDDEN'))
      logger.warn({ err: thrown }, `EndpointSlices cannot be listed: ${messageOf(thrown)}`);
    return [];
  }
}
