import { objectKey } from '../../contract/kubernetes.ts';
import type { ObjectKey } from '../../contract/kubernetes.ts';
import { REPLACES_LABEL } from '../../contract/names.ts';
import type { ApiClient } from '../../kube/api-client.ts';
import { isApiError } from '../../kube/api-error.ts';
import { ENDPOINT_SLICES } from '../../kube/resources.ts';
import { messageOf } from '../../lib/errors.ts';
import type { Logger } from '../../lib/log.ts';

/**
 * The models of all our EndpointSlices, whatever those models ask for now. If an annotation was removed while there was
 * no leader, its slices still exist, and no watch of a later leader shows that. Empty when the API server does not
 * answer; the next resync tries again.
 */
export async function modelsOfSlices(client: ApiClient, logger: Logger): Promise<ObjectKey[]> {
  try {
    const { items } = await client.list(ENDPOINT_SLICES, { labelSelector: REPLACES_LABEL });
    return items.flatMap(({ metadata: { namespace, labels } }) => {
      const model = labels?.[REPLACES_LABEL];
      return namespace === undefined || model === undefined ? [] : [objectKey(namespace, model)];
    });
  } catch (thrown) {
    // Without the right there are no slices: the rule may be removed where `mms fold` is not used.
    if (!isApiError(thrown, 'API_FORBIDDEN'))
      logger.warn({ err: thrown }, `EndpointSlices cannot be listed: ${messageOf(thrown)}`);
    return [];
  }
}
