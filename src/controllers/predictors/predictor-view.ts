import type { Clock, Random } from '../../lib/clock.ts';
import type { KubernetesObject } from '../../contract/kubernetes.ts';
import type { Logger } from '../../lib/log.ts';
import { INFERENCE_SERVICE_LABEL, WEBHOOK_CONFIGURATION } from '../../contract/names.ts';
import type { Deployment } from '../../contract/predictor-outcome.ts';
import type { ServingRuntime } from '../../contract/serving-runtime.ts';
import type { WebhookConfiguration } from '../../contract/webhook-configuration.ts';
import type { ApiClient } from '../../kube/api-client.ts';
import { startReflector } from '../../kube/reflector.ts';
import type { Reflector, ReflectorOptions } from '../../kube/reflector.ts';
import type { ReflectorEvent } from '../../kube/reflector-types.ts';
import {
  CLUSTER_SERVING_RUNTIMES,
  DEPLOYMENTS,
  MUTATING_WEBHOOK_CONFIGURATIONS,
  NAMESPACES,
  SERVICES,
  SERVING_RUNTIMES,
} from '../../kube/resources.ts';
import type { CustomObject } from '../../kube/resources.ts';

/** What the predictor controller caches of the cluster beside InferenceServices. */
export interface PredictorView {
  /** Those with KServe's label; of their spec only the number of pods. */
  readonly deployments: Reflector<Deployment>;
  /** Those with KServe's label. */
  readonly services: Reflector<CustomObject>;
  readonly runtimes: Reflector<ServingRuntime>;
  readonly clusterRuntimes: Reflector<ServingRuntime>;
  /** Their labels, and the webhook whose selector matches them. */
  readonly namespaces: Reflector<KubernetesObject>;
  readonly webhook: Reflector<WebhookConfiguration>;
}

interface PredictorViewOptions {
  readonly client: ApiClient;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly observe: (resource: string, event: ReflectorEvent) => void;
}

/** Starts the watches; see {@link PredictorView}. */
export function watchPredictors(options: PredictorViewOptions): PredictorView {
  const { observe, ...shared } = options;
  const base = (plural: string): typeof shared & Pick<ReflectorOptions<never>, 'observe'> => ({
    ...shared,
    observe: (event) => observe(plural, event),
  });
  return {
    deployments: startReflector({
      ...base('deployments'),
      resource: DEPLOYMENTS,
      labelSelector: INFERENCE_SERVICE_LABEL,
      project: withReplicasAlone,
    }),
    services: startReflector({
      ...base('services'),
      resource: SERVICES,
      labelSelector: INFERENCE_SERVICE_LABEL,
    }),
    runtimes: startReflector({
      ...base('servingruntimes'),
      resource: SERVING_RUNTIMES,
    }),
    clusterRuntimes: startReflector({
      ...base('clusterservingruntimes'),
      resource: CLUSTER_SERVING_RUNTIMES,
    }),
    namespaces: startReflector({
      ...base('namespaces'),
      resource: NAMESPACES,
      project: labelsAlone,
    }),
    webhook: startReflector({
      ...base('mutatingwebhookconfigurations'),
      resource: MUTATING_WEBHOOK_CONFIGURATIONS,
      fieldSelector: `metadata.name=${WEBHOOK_CONFIGURATION}`,
    }),
  };
}

/** The generation shows whether the rest of the spec has changed. */
function withReplicasAlone(object: Deployment): Deployment {
  const { replicas } = object.spec ?? {};
  return { ...object, spec: replicas === undefined ? {} : { replicas } };
}

/** There may be many namespaces, and only their labels are read. */
function labelsAlone({ metadata }: KubernetesObject): KubernetesObject {
  const { name, uid = '', resourceVersion = '', labels = {} } = metadata;
  return { metadata: { name, uid, resourceVersion, labels } };
}
