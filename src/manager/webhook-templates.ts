import {
  INFERENCE_SERVICE_LABEL,
  MUTATE_PODS_PATH,
  VALIDATE_TRAINED_MODELS_PATH,
  WEBHOOK_CONFIGURATION,
  WEBHOOK_SERVICE,
} from '../contract/names.ts';
import type { WebhookConfiguration } from '../contract/webhook-configuration.ts';

/**
 * The configurations of manifests/webhook, as a manager outside of the cluster registers them. They are here too because
 * reading YAML takes a sixth of a start. The comments are in the manifests; a test holds the two equal.
 */

const clientConfig = (path: string): object => ({
  service: { name: WEBHOOK_SERVICE, namespace: 'kserve-mms-system', path, port: 443 },
});

export const POD_WEBHOOK: WebhookConfiguration = {
  apiVersion: 'admissionregistration.k8s.io/v1',
  kind: 'MutatingWebhookConfiguration',
  metadata: { name: WEBHOOK_CONFIGURATION },
  webhooks: [
    {
      name: 'pods.mutate.kserve-mms',
      admissionReviewVersions: ['v1'],
      clientConfig: clientConfig(MUTATE_PODS_PATH),
      objectSelector: { matchExpressions: [{ key: INFERENCE_SERVICE_LABEL, operator: 'Exists' }] },
      namespaceSelector: { matchExpressions: [{ key: 'control-plane', operator: 'DoesNotExist' }] },
      matchConditions: [
        {
          name: 'not-a-mirror-pod',
          expression:
            "!has(object.metadata.annotations) || !('kubernetes.io/config.mirror' in object.metadata.annotations)",
        },
      ],
      failurePolicy: 'Fail',
      matchPolicy: 'Equivalent',
      reinvocationPolicy: 'IfNeeded',
      sideEffects: 'None',
      timeoutSeconds: 10,
    },
  ],
};

export const TRAINED_MODEL_WEBHOOK: WebhookConfiguration = {
  apiVersion: 'admissionregistration.k8s.io/v1',
  kind: 'ValidatingWebhookConfiguration',
  metadata: { name: WEBHOOK_CONFIGURATION },
  webhooks: [
    {
      name: 'trainedmodels.validate.kserve-mms',
      admissionReviewVersions: ['v1'],
      clientConfig: clientConfig(VALIDATE_TRAINED_MODELS_PATH),
      matchConditions: [
        {
          name: 'spec-changes',
          expression: "request.operation != 'UPDATE' || object.spec != oldObject.spec",
        },
      ],
      failurePolicy: 'Ignore',
      matchPolicy: 'Equivalent',
      sideEffects: 'None',
      timeoutSeconds: 5,
    },
  ],
};
