import { seconds } from '../../lib/clock.ts';
import { compareText } from '../../lib/compare-text.ts';
import { INFERENCE_SERVICES, type Resource, TRAINED_MODELS } from '../../kube/resources.ts';
import { withCluster } from '../cluster-connection.ts';

/** A completion takes no longer than this. */
const PATIENCE = seconds(2);
/** A longer list helps no reader. */
const MOST = 500;

/**
 * Names in the cluster that fit an argument by what the help calls it. None when the cluster does not answer at once: a
 * person who presses a key wants no error.
 */
export async function namesFor(argument: string, flags: ReadonlyMap<string, string>): Promise<string[]> {
  const resources: readonly Resource[] = [
    ...(/model/i.test(argument) ? [TRAINED_MODELS as Resource] : []),
    ...(/isvc|service|predictor/i.test(argument) ? [INFERENCE_SERVICES as Resource] : []),
  ];
  if (resources.length === 0) return [];
  const flag = (name: string): object => (flags.has(name) ? { [name]: flags.get(name) } : {});
  const chosen = { ...flag('kubeconfig'), ...flag('context'), ...flag('namespace') };
  try {
    return await withCluster(chosen, async ({ client, namespace }) => {
      const lists = await Promise.all(
        resources.map((resource) => client.list(resource, { namespace, limit: MOST }, { timeout: PATIENCE })),
      );
      return lists.flatMap(({ items }) => items.map(({ metadata }) => metadata.name)).sort(compareText);
    });
  } catch {
    return [];
  }
}
