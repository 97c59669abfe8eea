import { seconds } from '../lib/clock.ts';
import { splitKey } from '../contract/kubernetes.ts';
import type { KubernetesObject, ObjectKey } from '../contract/kubernetes.ts';
import type { ApiClient } from '../kube/api-client.ts';
import { getIfThere } from '../kube/get-if-there.ts';
import { INFERENCE_SERVICES, SECRETS, SERVICE_ACCOUNTS } from '../kube/resources.ts';
import type { Resource } from '../kube/resources.ts';
import { mutatePods } from './mutate-pods.ts';
import { createPodCredentials, NO_CREDENTIALS } from './pod-credentials.ts';
import type { AdmissionHandler } from './review-endpoint.ts';
import type { ClusterView } from '../kube/cluster-view.ts';
import type { ManagerMetrics } from '../manager/metrics.ts';
import type { ManagerOptions } from '../manager/options.ts';
import type { SystemConfigSource } from './system-config-source.ts';

/** Long enough for a rollout to read each Secret once, short enough that a changed one is soon noticed. */
const SECRETS_BELIEVED_FOR = seconds(5);

export interface PodWebhookOptions {
  readonly client: ApiClient;
  readonly view: ClusterView;
  readonly systemConfig: SystemConfigSource;
  readonly metrics: ManagerMetrics;
  readonly options: Pick<ManagerOptions, 'clientAuthorityFile' | 'clock' | 'injectCredentials' | 'logger'>;
}

/** The webhook for pods: caches for what is known, one GET for what is too new to be. */
export function podWebhook({
  client,
  view,
  systemConfig,
  metrics,
  options,
}: PodWebhookOptions): AdmissionHandler {
  const { clock, injectCredentials, logger } = options;
  const reading =
    <T extends KubernetesObject>(resource: Resource<T>) =>
    (key: ObjectKey): Promise<T | undefined> =>
      getIfThere(client, resource, splitKey(key));
  const credentials = injectCredentials
    ? createPodCredentials({
        serviceAccounts: view.serviceAccounts.cache,
        readServiceAccount: reading(SERVICE_ACCOUNTS),
        readSecret: reading(SECRETS),
        ttl: SECRETS_BELIEVED_FOR,
        clock,
      })
    : NO_CREDENTIALS;
  return mutatePods({
    inferenceServices: view.inferenceServices.cache,
    readInferenceService: reading(INFERENCE_SERVICES),
    credentials,
    systemConfig: () => systemConfig.current(view),
    callerIsKnown: options.clientAuthorityFile !== undefined,
    logger: logger.child({ part: 'webhook' }),
    observe: metrics.injection,
  });
}
