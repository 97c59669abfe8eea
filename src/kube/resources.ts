import type { EndpointSlice } from '../contract/endpoint-slice.ts';
import type { InferenceService } from '../contract/inference-service.ts';
import type {
  ConfigMap,
  KubernetesObject,
  ObjectMeta,
  Secret,
  ServiceAccount,
} from '../contract/kubernetes.ts';
import type { Deployment } from '../contract/predictor-outcome.ts';
import type { ServingRuntime } from '../contract/serving-runtime.ts';
import type { TrainedModel } from '../contract/trained-model.ts';
import type { WebhookConfiguration } from '../contract/webhook-configuration.ts';
import { MmsError } from '../lib/errors.ts';

/** One kind of object as the API server addresses it. `T` is the type of its JSON; it has no run-time trace. */
export interface Resource<T extends KubernetesObject = KubernetesObject> {
  /** Empty for the core group. */
  readonly group: string;
  readonly version: string;
  readonly plural: string;
  readonly kind: string;
  readonly namespaced: boolean;
  /** Never present: carries `T`, so that a client call knows its return type. */
  readonly __object?: T;
}

/** Which object of a kind. `namespace` is required exactly for namespaced kinds. */
export interface ObjectReference {
  readonly namespace?: string;
  readonly name: string;
}

/** https://kubernetes.io/docs/reference/kubernetes-api/cluster-resources/lease-v1/ */
export interface Lease extends KubernetesObject {
  readonly spec?: {
    readonly holderIdentity?: string;
    readonly leaseDurationSeconds?: number;
    /** RFC 3339 with microseconds. */
    readonly acquireTime?: string;
    readonly renewTime?: string;
    readonly leaseTransitions?: number;
  };
}

/** https://kubernetes.io/docs/reference/kubernetes-api/authorization-resources/self-subject-access-review-v1/ */
interface SelfSubjectAccessReview extends KubernetesObject {
  readonly spec: {
    readonly resourceAttributes: { readonly group: string; readonly resource: string; readonly verb: string };
  };
  readonly status?: { readonly allowed?: boolean };
}

interface SubjectAccessReview extends KubernetesObject {
  readonly spec: {
    readonly user: string;
    readonly groups: readonly string[];
    readonly resourceAttributes: {
      readonly group: string;
      readonly resource: string;
      readonly subresource?: string;
      readonly verb: string;
      readonly name?: string;
      readonly namespace?: string;
    };
  };
  readonly status?: { readonly allowed?: boolean };
}

/** An object of a custom kind, whose schema lives elsewhere: read its parts with the functions in contract. */
export interface CustomObject extends KubernetesObject {
  readonly metadata: ObjectMeta;
  readonly spec?: unknown;
  readonly status?: unknown;
}

const core = { group: '', version: 'v1' };

export const INFERENCE_SERVICES: Resource<InferenceService> = {
  group: 'serving.kserve.io',
  version: 'v1beta1',
  plural: 'inferenceservices',
  kind: 'InferenceService',
  namespaced: true,
};
export const TRAINED_MODELS: Resource<TrainedModel> = {
  group: 'serving.kserve.io',
  version: 'v1alpha1',
  plural: 'trainedmodels',
  kind: 'TrainedModel',
  namespaced: true,
};
export const CONFIG_MAPS: Resource<ConfigMap> = {
  ...core,
  plural: 'configmaps',
  kind: 'ConfigMap',
  namespaced: true,
};
export const SECRETS: Resource<Secret> = { ...core, plural: 'secrets', kind: 'Secret', namespaced: true };
export const SERVICE_ACCOUNTS: Resource<ServiceAccount> = {
  ...core,
  plural: 'serviceaccounts',
  kind: 'ServiceAccount',
  namespaced: true,
};
export const SERVICES: Resource<CustomObject> = {
  ...core,
  plural: 'services',
  kind: 'Service',
  namespaced: true,
};
export const ENDPOINT_SLICES: Resource<EndpointSlice> = {
  group: 'discovery.k8s.io',
  version: 'v1',
  plural: 'endpointslices',
  kind: 'EndpointSlice',
  namespaced: true,
};
export const DEPLOYMENTS: Resource<Deployment> = {
  group: 'apps',
  version: 'v1',
  plural: 'deployments',
  kind: 'Deployment',
  namespaced: true,
};
export const SERVING_RUNTIMES: Resource<ServingRuntime> = {
  group: 'serving.kserve.io',
  version: 'v1alpha1',
  plural: 'servingruntimes',
  kind: 'ServingRuntime',
  namespaced: true,
};
export const CLUSTER_SERVING_RUNTIMES: Resource<ServingRuntime> = {
  ...SERVING_RUNTIMES,
  plural: 'clusterservingruntimes',
  kind: 'ClusterServingRuntime',
  namespaced: false,
};
export const PODS: Resource<CustomObject> = { ...core, plural: 'pods', kind: 'Pod', namespaced: true };
/** The current usage of pods. Available only if metrics-server or a similar server serves the group. */
export const POD_METRICS: Resource = {
  group: 'metrics.k8s.io',
  version: 'v1beta1',
  plural: 'pods',
  kind: 'PodMetrics',
  namespaced: true,
};
export const EVENTS: Resource = { ...core, plural: 'events', kind: 'Event', namespaced: true };
export const NAMESPACES: Resource = { ...core, plural: 'namespaces', kind: 'Namespace', namespaced: false };
export const NODES: Resource<CustomObject> = {
  ...core,
  plural: 'nodes',
  kind: 'Node',
  namespaced: false,
};
export const LEASES: Resource<Lease> = {
  group: 'coordination.k8s.io',
  version: 'v1',
  plural: 'leases',
  kind: 'Lease',
  namespaced: true,
};
export const MUTATING_WEBHOOK_CONFIGURATIONS: Resource<WebhookConfiguration> = {
  group: 'admissionregistration.k8s.io',
  version: 'v1',
  plural: 'mutatingwebhookconfigurations',
  kind: 'MutatingWebhookConfiguration',
  namespaced: false,
};
export const VALIDATING_WEBHOOK_CONFIGURATIONS: Resource<WebhookConfiguration> = {
  ...MUTATING_WEBHOOK_CONFIGURATIONS,
  plural: 'validatingwebhookconfigurations',
  kind: 'ValidatingWebhookConfiguration',
};
export const CUSTOM_RESOURCE_DEFINITIONS: Resource<CustomObject> = {
  group: 'apiextensions.k8s.io',
  version: 'v1',
  plural: 'customresourcedefinitions',
  kind: 'CustomResourceDefinition',
  namespaced: false,
};

export const SELF_SUBJECT_ACCESS_REVIEWS: Resource<SelfSubjectAccessReview> = {
  group: 'authorization.k8s.io',
  version: 'v1',
  plural: 'selfsubjectaccessreviews',
  kind: 'SelfSubjectAccessReview',
  namespaced: false,
};

export const SUBJECT_ACCESS_REVIEWS: Resource<SubjectAccessReview> = {
  ...{
    group: 'authorization.k8s.io',
    version: 'v1',
    plural: 'subjectaccessreviews',
    kind: 'SubjectAccessReview',
  },
  namespaced: false,
};

/** A name that is invalid in a URL path, or is missing where one is needed. */
export class InvalidNameError extends MmsError {
  readonly code = 'API_INVALID_NAME';
  readonly retryable = false;
}

/** `group/version`, or `v1` for the core group: the `apiVersion` of its objects. */
export function apiVersionOf(resource: Resource): string {
  return resource.group === '' ? resource.version : `${resource.group}/${resource.version}`;
}

/**
 * The path of a collection: of one namespace, or of all if `namespace` is absent.
 *
 * @throws {InvalidNameError} for an invalid namespace, or one given for a cluster-scoped kind
 */
export function collectionPath(resource: Resource, namespace?: string): string {
  const root = resource.group === '' ? '/api/v1' : `/apis/${resource.group}/${resource.version}`;
  if (namespace === undefined) return `${root}/${resource.plural}`;
  if (!resource.namespaced) {
    throw new InvalidNameError(
      `${resource.kind} is cluster-scoped: leave out the namespace ${JSON.stringify(namespace)}`,
    );
  }
  return `${root}/namespaces/${pathSegment('namespace', namespace)}/${resource.plural}`;
}

/**
 * The path of one object, or of a subresource of it such as `status`.
 *
 * @throws {InvalidNameError} if the name is invalid, or a namespaced kind has no namespace
 */
export function objectPath(resource: Resource, reference: ObjectReference, subresource?: string): string {
  if (resource.namespaced && reference.namespace === undefined) {
    throw new InvalidNameError(`${resource.kind} ${JSON.stringify(reference.name)} needs a namespace`);
  }
  const path = `${collectionPath(resource, reference.namespace)}/${pathSegment('name', reference.name)}`;
  return subresource === undefined ? path : `${path}/${subresource}`;
}

/**
 * An empty segment would address the whole collection, and a URL parser resolves `.` and `..` even when they are
 * percent-encoded: https://url.spec.whatwg.org/#double-dot-path-segment. The API server allows neither, nor `/` and `%`.
 */
function pathSegment(what: string, value: string): string {
  if (value === '' || value === '.' || value === '..' || /[/%]/.test(value)) {
    throw new InvalidNameError(
      `${JSON.stringify(value)} cannot be the ${what} of a Kubernetes object; use letters, digits, "-" and "."`,
    );
  }
  return encodeURIComponent(value);
}
