/**
 * What API servers call our webhooks for. The manifests leave it out, so that an installation alone calls nobody: the manager
 * fills it in once it can answer.
 */
export interface WebhookRule {
  readonly apiGroups: readonly string[];
  readonly apiVersions: readonly string[];
  readonly operations: readonly string[];
  readonly resources: readonly string[];
  readonly scope: 'Namespaced' | 'Cluster' | '*';
}

/** Which pods of these is said by the selectors in the manifests. */
export const POD_RULES: readonly WebhookRule[] = [
  {
    ...{ apiGroups: [''], apiVersions: ['v1'], resources: ['pods'] },
    ...{ operations: ['CREATE'], scope: 'Namespaced' },
  },
];

/** As KServe's own: nothing stands against a deletion. */
export const TRAINED_MODEL_RULES: readonly WebhookRule[] = [
  {
    ...{ apiGroups: ['serving.kserve.io'], apiVersions: ['v1alpha1'], resources: ['trainedmodels'] },
    ...{ operations: ['CREATE', 'UPDATE'], scope: 'Namespaced' },
  },
];
