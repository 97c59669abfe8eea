import { seconds } from '../lib/clock.ts';
import { splitKey } from '../contract/kubernetes.ts';
import type { KubernetesObject, ObjectKey } from '../contract/kubernetes.ts';
import type { ApiClient } from '../kube/api-client.ts';
import { decodeObject } from '../kube/decode-objects.ts';
import { getIfThere } from '../kube/get-if-there.ts';
import { INFERENCE_SERVICES, SECRETS, SERVICE_ACCOUNTS } from '../kube/resources.ts';
import type { Resource } from '../kube/resources.ts';
import { mutatePods } from './mutate-pods.ts';
import type { MutatePodsOptions } from './mutate-pods.ts';
import { createPodCredentials, NO_CREDENTIALS } from './pod-credentials.ts';
import type { AdmissionHandler } from './review-endpoint.ts';
import type { ClusterView } from '../kube/cluster-view.ts';
import type { Clock } from '../lib/clock.ts';
import type { Logger } from '../lib/log.ts';
import type { SystemConfigSource } from './system-config-source.ts';

/** Long enough for a rollout to read each Secret once, short enough to notice a change soon. */
const SECRETS_BELIEVED_FOR = seconds(5);

interface PodWebhookOptions {
  readonly client: ApiClient;
  readonly view: ClusterView;
  readonly systemConfig: SystemConfigSource;
  /** Whether Secrets of service accounts are read for storage credentials. */
  readonly injectCredentials: boolean;
  /** Whether only callers with the API server's client certificate are answered. */
  readonly callerIsKnown: boolean;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly observe: MutatePodsOptions['observe'];
}

/** The webhook for pods: it reads caches, with one GET for an object that is too new to be cached. */
export function podWebhook(options: PodWebhookOptions): AdmissionHandler {
  const { client, view, systemConfig, clock, logger } = options;
  const reading =
    <T extends KubernetesObject>(resource: Resource<T>) =>
    (key: ObjectKey): Promise<T | undefined> =>
      getIfThere(client, resource, splitKey(key), { decode: decodeObject });
  const credentials = options.injectCredentials
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
    systemConfig: systemConfig.current,
    callerIsKnown: options.callerIsKnown,
    logger: logger.child({ part: 'webhook' }),
    observe: options.observe,
  });
}
