import type { EndpointSlice } from '../../contract/endpoint-slice.ts';
import type { ObjectKey } from '../../contract/kubernetes.ts';
import { splitKey } from '../../contract/kubernetes.ts';
import type { Logger } from '../../lib/log.ts';
import { predictorName, REPLACES_LABEL } from '../../contract/names.ts';
import { ledService, sliceChanges, replacementSlices, replacedService } from '../../contract/replacement.ts';
import { inferenceServiceOf } from '../../contract/trained-model.ts';
import type { TrainedModel } from '../../contract/trained-model.ts';
import type { WatchedPod } from '../../contract/watched-pod.ts';
import type { ApiClient } from '../../kube/api-client.ts';
import { getIfThere } from '../../kube/get-if-there.ts';
import { ENDPOINT_SLICES, SERVICES, TRAINED_MODELS } from '../../kube/resources.ts';
import { deleteIfThere } from '../../kube/unless-there.ts';

interface ReplacementWorld {
  readonly client: ApiClient;
  readonly logger: Logger;
  /** The pods of an InferenceService. */
  readonly podsOf: (namespace: string, service: string) => Iterable<WatchedPod>;
}

/** The field manager of the slices. */
const FIELD_MANAGER = 'kserve-mms-replacements';

/**
 * Brings the EndpointSlices of one model in sync with what it replaces and with the pods that serve it.
 * @param model undefined once it is deleted
 * @throws {ApiError} when the API server could not be reached
 */
export async function reconcileReplacement(
  key: ObjectKey,
  model: TrainedModel | undefined,
  { client, logger, podsOf }: ReplacementWorld,
): Promise<void> {
  const { namespace, name } = splitKey(key);
  const labelSelector = `${REPLACES_LABEL}=${name}`;
  const { items } = await client.list(ENDPOINT_SLICES, { namespace, labelSelector });
  const wanted = model === undefined ? [] : await wantedSlices(key, model, { client, logger, podsOf });
  if (wanted.length === 0 && items.length > 0 && (await isAheadOf(client, key, model))) return;
  const changes = sliceChanges(items, wanted);
  for (const slice of changes.apply) await apply(client, slice);
  for (const { metadata } of changes.delete)
    await deleteIfThere(client, ENDPOINT_SLICES, { namespace, name: metadata.name });
  if (changes.apply.length + changes.delete.length === 0) return;
  const pods = wanted.flatMap(({ endpoints = [] }) => endpoints.map(({ targetRef }) => targetRef?.name));
  logger.info({ inferenceService: key, pods }, 'its Service now routes to these pods too');
}

/**
 * Whether the API server has a replacement that this replica's watch has not shown yet: a new leader must not remove
 * what the previous leader has just created. The watch will show it.
 */
async function isAheadOf(
  client: ApiClient,
  key: ObjectKey,
  known: TrainedModel | undefined,
): Promise<boolean> {
  if (known !== undefined && replacedService(known) !== undefined) return false;
  const now = await getIfThere(client, TRAINED_MODELS, splitKey(key));
  return now !== undefined && replacedService(now) !== undefined;
}

async function wantedSlices(
  key: ObjectKey,
  model: TrainedModel,
  { client, logger, podsOf }: ReplacementWorld,
): Promise<EndpointSlice[]> {
  const { namespace, name } = splitKey(key);
  const shared = inferenceServiceOf(model);
  if (replacedService(model) === undefined || shared === undefined) return [];
  const service = await getIfThere(client, SERVICES, { namespace, name: predictorName(name) });
  const led = ledService(service, name);
  if (led.kind === 'port') return replacementSlices(model, led.port, podsOf(namespace, shared));
  logger.warn({ inferenceService: key, why: led.why }, 'its Service cannot route to the shared pods');
  return [];
}

async function apply(client: ApiClient, slice: EndpointSlice): Promise<void> {
  const patch = { type: 'apply', body: slice, fieldManager: FIELD_MANAGER, force: true } as const;
  await client.patch(ENDPOINT_SLICES, slice.metadata, patch);
}
