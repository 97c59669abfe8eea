import type { Clock } from '../../lib/clock.ts';
import type { InferenceService } from '../../contract/inference-service.ts';
import type { KubernetesObject, ObjectKey } from '../../contract/kubernetes.ts';
import { keyOf, splitKey } from '../../contract/kubernetes.ts';
import type { AppliedRecord } from './predictor-change.decide.ts';
import type { Deployment } from '../../contract/predictor-outcome.ts';
import type { WantedObject } from './predictor-workload.decide.ts';
import type { ApiClient } from '../../kube/api-client.ts';
import { decodeObject } from '../../kube/decode-objects.ts';
import { isApiError } from '../../kube/api-error.ts';
import { getIfThere } from '../../kube/get-if-there.ts';
import type { Delta } from '../../kube/reflector-types.ts';
import { DEPLOYMENTS, INFERENCE_SERVICES, SERVICES } from '../../kube/resources.ts';
import type { CustomObject, Resource } from '../../kube/resources.ts';
import { applyOver, FIELD_MANAGER, stopPods } from './apply-predictor.ts';
import type { ManagedKind } from './apply-object.ts';
import { createOwnWrites } from '../own-writes.ts';
import type { OwnWrites } from '../own-writes.ts';
import type { PredictorDependencies } from './reconcile-predictor.ts';

/** Writes to the API server, and remembers each result until the watch has shown it. */
interface PredictorWriter extends Pick<
  PredictorDependencies,
  'deployments' | 'services' | 'stopPods' | 'writeStatus'
> {
  newestInferenceService(key: ObjectKey, cached: InferenceService | undefined): InferenceService | undefined;
  /** Call with every delta of the watch. */
  inferenceServiceSeen(delta: Delta<InferenceService>): void;
  deploymentSeen(delta: Delta<Deployment>): void;
  serviceSeen(delta: Delta<CustomObject>): void;
}

export function createPredictorWriter(
  client: ApiClient,
  clock: Clock,
  caches: {
    readonly deployment: (key: ObjectKey) => Deployment | undefined;
    readonly service: (key: ObjectKey) => CustomObject | undefined;
  },
): PredictorWriter {
  const notObserved = (): void => undefined;
  const deployments = createOwnWrites<Deployment>(clock, notObserved);
  const services = createOwnWrites<CustomObject>(clock, notObserved);
  const inferenceServices = createOwnWrites<InferenceService>(clock, notObserved);
  return {
    deployments: keptKind('Deployment', DEPLOYMENTS, client, deployments, caches.deployment),
    services: keptKind('Service', SERVICES, client, services, caches.service),
    async stopPods(key) {
      deployments.remember(await stopPods(client, DEPLOYMENTS, splitKey(key)));
    },
    async writeStatus(inferenceService) {
      try {
        inferenceServices.remember(
          await client.replace(INFERENCE_SERVICES, inferenceService, {
            subresource: 'status',
            fieldManager: FIELD_MANAGER,
            decode: decodeObject,
          }),
        );
      } catch (thrown) {
        inferenceServices.forget(inferenceService);
        // Changed or deleted in the meantime: the watch delivers that and triggers the next reconcile.
        if (!isApiError(thrown, 'API_CONFLICT', 'API_NOT_FOUND')) throw thrown;
      }
    },
    newestInferenceService: (key, cached) =>
      cached === undefined ? undefined : inferenceServices.newestOf(key, cached),
    inferenceServiceSeen: (delta) => observe(inferenceServices, delta),
    deploymentSeen: (delta) => observe(deployments, delta),
    serviceSeen: (delta) => observe(services, delta),
  };
}

function observe<T extends KubernetesObject>(ownWrites: OwnWrites<T>, delta: Delta<T>): void {
  if (delta.type === 'deleted') ownWrites.forget(delta.object);
  else if (delta.type !== 'synced') ownWrites.seen(delta.object);
}

function keptKind<T extends KubernetesObject>(
  kind: 'Deployment' | 'Service',
  resource: Resource<T>,
  client: ApiClient,
  ownWrites: OwnWrites<T>,
  cached: (key: ObjectKey) => T | undefined,
): ManagedKind<T> {
  return {
    kind,
    applied: new Map<ObjectKey, AppliedRecord>(),
    known: (key) => ownWrites.newestOf(key, cached(key)),
    read: (key) => getIfThere(client, resource, splitKey(key)),
    async apply(wanted: WantedObject, uid) {
      if (uid !== undefined) return ownWrites.remember(await applyOver(client, resource, wanted, uid));
      return ownWrites.remember(
        await client.patch(resource, splitKey(keyOf(wanted)), {
          // Never with force on a new object: if another client has created it in the meantime, it is theirs.
          ...{ type: 'apply', body: wanted, fieldManager: FIELD_MANAGER, force: false },
        }),
      );
    },
  };
}
