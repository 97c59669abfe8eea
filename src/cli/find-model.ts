import { nearNames } from './near-names.decide.ts';
import type { TrainedModel } from '../contract/trained-model.ts';
import { getIfThere } from '../kube/get-if-there.ts';
import { TRAINED_MODELS } from '../kube/resources.ts';
import type { ClusterConnection } from './cluster-connection.ts';
import { listObjects } from './cluster-snapshot.ts';
import { NoSuchNameError } from './no-such-name.ts';

/**
 * The TrainedModel of this name.
 *
 * @throws {NoSuchNameError} with names that are like it
 */
export async function findModel(
  { client, namespace }: ClusterConnection,
  name: string,
): Promise<TrainedModel> {
  const found = await getIfThere(client, TRAINED_MODELS, { namespace, name });
  if (found !== undefined) return found;
  const names = (await listObjects(client, TRAINED_MODELS, namespace)).map(({ metadata }) => metadata.name);
  const near = nearNames(name, names);
  throw new NoSuchNameError({ wanted: name, near }, `namespace ${namespace}`, 'TrainedModel');
}
