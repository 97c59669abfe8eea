import type { Clock, Random } from '../../lib/clock.ts';
import type { InferenceService } from '../../contract/inference-service.ts';
import type { KubernetesObject, ObjectKey } from '../../contract/kubernetes.ts';
import { firstUnmet, keyOf, objectKey } from '../../contract/kubernetes.ts';
import type { Logger } from '../../lib/log.ts';
import { INFERENCE_SERVICE_LABEL } from '../../contract/names.ts';
import { readServingRuntime } from '../../contract/serving-runtime.ts';
import type { ServingRuntime } from '../../contract/serving-runtime.ts';
import type { RuntimeOffers } from '../../contract/serving-runtime-selection.ts';
import type { ApiClient } from '../../kube/api-client.ts';
import type { Reflector } from '../../kube/reflector.ts';
import type { Delta, ReflectorEvent } from '../../kube/reflector-types.ts';
import { createPredictorWriter } from './predictor-writer.ts';
import { reconcilePredictor } from './reconcile-predictor.ts';
import type { PredictorDependencies } from './reconcile-predictor.ts';
import type { KServeAbsence } from '../takeover/kserve-controllers.ts';
import type { WorkQueueEvent } from '../work-queue.ts';
import type { AnyReflector } from '../../kube/cluster-view.ts';
import type { Controller } from '../controller.ts';
import { watchPredictors } from './predictor-view.ts';
import type { PredictorView } from './predictor-view.ts';
import { createControllerQueue, INFERENCE_SERVICE_PACE } from '../controller-queue.ts';

interface PredictorsOptions {
  readonly client: ApiClient;
  readonly inferenceServices: Reflector<InferenceService>;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly observe: PredictorObserver;
  /** Works only while KServe's own controllers do not run. */
  readonly kserveAbsence: KServeAbsence;
}

/** What the controller reports for metrics. */
interface PredictorObserver {
  readonly reflector: (resource: string, event: ReflectorEvent) => void;
  readonly predictorQueue: (event: WorkQueueEvent<ObjectKey>) => void;
  readonly predictorReconciled: PredictorDependencies['observe'];
}

/** Creates Deployments and Services of InferenceServices, for clusters without KServe's controllers. */
export interface PredictorController extends Controller {
  /** Its own caches, by their name in metrics. */
  readonly reflectors: ReadonlyMap<string, AnyReflector>;
  /**
   * The caches that must sync before a replica is ready. The others are newer, and an older role may lack the right to
   * watch them.
   */
  readonly needed: readonly AnyReflector[];
}

/** Starts its watches. Nothing is written before it leads. */
export function createPredictorController(options: PredictorsOptions): PredictorController {
  const { client, clock, random, observe, inferenceServices, kserveAbsence } = options;
  const logger = options.logger.child({ controller: 'predictors' });
  const writer = createPredictorWriter(client, clock, {
    deployment: (key) => view.deployments.cache.get(key),
    service: (key) => view.services.cache.get(key),
  });
  const view = watchPredictors({
    ...{ client, clock, random, logger, observe: observe.reflector },
  });
  const { needed, own } = reflectorsOf(view);
  const reconciling = createControllerQueue({
    ...{ clock, random, logger, observe: observe.predictorQueue, pace: INFERENCE_SERVICE_PACE },
    caches: [...own, inferenceServices],
    allKeys: () => [...inferenceServices.cache.list()].map((object) => keyOf(object)),
    process: (key) =>
      reconcilePredictor(key, {
        ...writer,
        inferenceService: (wanted) =>
          writer.newestInferenceService(wanted, inferenceServices.cache.get(wanted)),
        runtimes: (namespace) => offersFor(namespace, view),
        unmetIn: (namespace) => unmetIn(namespace, view),
        ...{ clock, logger, observe: observe.predictorReconciled },
      }),
  });
  inferenceServices.subscribe((delta) => {
    writer.inferenceServiceSeen(delta);
    if (delta.type !== 'synced') reconciling.enqueue(keyOf(delta.object));
  });
  view.deployments.subscribe((delta) => changed(delta, writer.deploymentSeen));
  view.services.subscribe((delta) => changed(delta, writer.serviceSeen));
  view.runtimes.subscribe(runtimeChanged);
  view.clusterRuntimes.subscribe(runtimeChanged);
  view.namespaces.subscribe((delta) => delta.type !== 'synced' && enqueueIn(delta.object.metadata.name));
  view.webhook.subscribe((delta) => delta.type !== 'synced' && enqueueIn(undefined));

  function changed<T extends KubernetesObject>(delta: Delta<T>, seen: (delta: Delta<T>) => void): void {
    seen(delta);
    if (delta.type === 'synced') return;
    const { metadata } = delta.object;
    const name = metadata.labels?.[INFERENCE_SERVICE_LABEL];
    if (name !== undefined) reconciling.enqueue(objectKey(metadata.namespace ?? '', name));
  }

  /** The plan decides which of them it serves. A plan that comes out unchanged costs no request. */
  function runtimeChanged(delta: Delta<ServingRuntime>): void {
    if (delta.type === 'synced') return;
    enqueueIn(delta.object.metadata.namespace);
  }

  /** In all namespaces when none is given. */
  function enqueueIn(namespace: string | undefined): void {
    for (const { metadata } of inferenceServices.cache.list()) {
      if (namespace === undefined || metadata.namespace === namespace)
        reconciling.enqueue(keyOf({ metadata }));
    }
  }

  return {
    lead: (signal) => kserveAbsence.whileAway(signal, (away) => reconciling.lead(away)),
    reflectors: new Map(own.map((reflector) => [reflector.resource.plural, reflector])),
    needed,
  };
}

function reflectorsOf(view: PredictorView): Record<'needed' | 'own', readonly AnyReflector[]> {
  const { deployments, services, runtimes, clusterRuntimes, namespaces, webhook } = view;
  const needed = [deployments, services, runtimes, clusterRuntimes];
  return { needed, own: [...needed, namespaces, webhook] };
}

function offersFor(namespace: string, view: PredictorView): RuntimeOffers {
  const inNamespace = [...view.runtimes.cache.list()].filter(
    ({ metadata }) => metadata.namespace === namespace,
  );
  return {
    namespaced: inNamespace.map((runtime) => readServingRuntime('ServingRuntime', runtime)),
    cluster: [...view.clusterRuntimes.cache.list()].map((runtime) =>
      readServingRuntime('ClusterServingRuntime', runtime),
    ),
  };
}

/**
 * The requirement of the webhook's namespaceSelector that a namespace does not meet. Undefined when there is no
 * webhook.
 */
function unmetIn(namespace: string, view: PredictorView): string | undefined {
  const [registration] = [...view.webhook.cache.list()];
  const labels = view.namespaces.cache.get(objectKey('', namespace))?.metadata.labels;
  const webhook = registration?.webhooks?.[0];
  if (webhook === undefined || labels === undefined) return undefined;
  return firstUnmet(webhook['namespaceSelector'], labels);
}
