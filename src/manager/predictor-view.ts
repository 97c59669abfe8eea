import type { Clock, Random } from '../core/clock.ts';
import type { KubernetesObject } from '../core/kubernetes.ts';
import type { Logger } from '../core/log.ts';
import { INFERENCE_SERVICE_LABEL, WEBHOOK_CONFIGURATION } from '../core/names.ts';
import type { Deployment } from '../core/predictor-outcome.ts';
import type { ServingRuntime } from '../core/serving-runtime.ts';
import type { WebhookConfiguration } from '../core/webhook-configuration.ts';
import type { ApiClient } from '../kube/api-client.ts';
import { startReflector } from '../kube/reflector.ts';
import type { Delta, Reflector, ReflectorOptions } from '../kube/reflector.ts';
import type { ReflectorEvent } from '../kube/reflector-loop.ts';
import {
  CLUSTER_SERVING_RUNTIMES,
  DEPLOYMENTS,
  MUTATING_WEBHOOK_CONFIGURATIONS,
  NAMESPACES,
  SERVICES,
  SERVING_RUNTIMES,
} from '../kube/resources.ts';
import type { CustomObject } from '../kube/resources.ts';

/** What the controller of predictors knows of the cluster beside the InferenceServices. */
export interface PredictorView {
  /** Those with KServe's label; of their spec the number of pods. */
  readonly deployments: Reflector<Deployment>;
  /** Those with KServe's label. */
  readonly services: Reflector<CustomObject>;
  readonly runtimes: Reflector<ServingRuntime>;
  readonly clusterRuntimes: Reflector<ServingRuntime>;
  /** Their labels, and the webhook whose selector goes by them. */
  readonly namespaces: Reflector<KubernetesObject>;
  readonly webhook: Reflector<WebhookConfiguration>;
}

export interface PredictorViewOptions {
  readonly client: ApiClient;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly observe: (resource: string, event: ReflectorEvent) => void;
  readonly listeners: {
    readonly deployment: (delta: Delta<Deployment>) => void;
    readonly service: (delta: Delta<CustomObject>) => void;
    readonly runtime: (delta: Delta<ServingRuntime>) => void;
    readonly namespace: (delta: Delta<KubernetesObject>) => unknown;
    readonly webhook: (delta: Delta<WebhookConfiguration>) => unknown;
  };
}

/** Starts the watches; see {@link PredictorView}. */
export function watchPredictors(options: PredictorViewOptions): PredictorView {
  const { listeners, observe, ...shared } = options;
  const base = (plural: string): typeof shared & Pick<ReflectorOptions<never>, 'observe'> => ({
    ...shared,
    observe: (event) => observe(plural, event),
  });
  return {
    deployments: startReflector({
      ...base('deployments'),
      resource: DEPLOYMENTS,
      labelSelector: INFERENCE_SERVICE_LABEL,
      onDelta: listeners.deployment,
      project: withReplicasAlone,
    }),
    services: startReflector({
      ...base('services'),
      resource: SERVICES,
      labelSelector: INFERENCE_SERVICE_LABEL,
      onDelta: listeners.service,
    }),
    runtimes: startReflector({
      ...base('servingruntimes'),
      resource: SERVING_RUNTIMES,
      onDelta: listeners.runtime,
    }),
    clusterRuntimes: startReflector({
      ...base('clusterservingruntimes'),
      resource: CLUSTER_SERVING_RUNTIMES,
      onDelta: listeners.runtime,
    }),
    namespaces: startReflector({
      ...base('namespaces'),
      resource: NAMESPACES,
      onDelta: listeners.namespace,
      project: labelsAlone,
    }),
    webhook: startReflector({
      ...base('mutatingwebhookconfigurations'),
      resource: MUTATING_WEBHOOK_CONFIGURATIONS,
      fieldSelector: `metadata.name=${WEBHOOK_CONFIGURATION}`,
      onDelta: listeners.webhook,
    }),
  };
}

/** Of the rest of the spec the generation tells whether it has changed. */
function withReplicasAlone(object: Deployment): Deployment {
  const { replicas } = object.spec ?? {};
  return { ...object, spec: replicas === undefined ? {} : { replicas } };
}

/** Many namespaces, of which only the labels are read. */
function labelsAlone({ metadata }: KubernetesObject): KubernetesObject {
  const { name, uid = '', resourceVersion = '', labels = {} } = metadata;
  return { metadata: { name, uid, resourceVersion, labels } };
}
