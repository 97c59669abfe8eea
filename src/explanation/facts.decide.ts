import type { EpochMs } from '../lib/clock.ts';
import type { InferenceService } from '../contract/inference-service.ts';
import type { Lookup } from '../lib/lookup.ts';
import type { ConfigMap, KubernetesObject } from '../contract/kubernetes.ts';
import type { PlanInput } from '../contract/model-config-plan.ts';
import type { Deployment } from '../contract/predictor-outcome.ts';
import type { TrainedModel } from '../contract/trained-model.ts';
import type { WebhookConfiguration } from '../contract/webhook-configuration.ts';

/** A pod as raw, untrusted JSON. */
export interface RawPod extends KubernetesObject {
  readonly spec?: unknown;
  readonly status?: unknown;
}

/** https://kubernetes.io/docs/reference/kubernetes-api/cluster-resources/lease-v1/ */
export interface LeaseFacts {
  readonly holder: string;
  /** RFC 3339; the last renewal. */
  readonly renewTime: string | undefined;
  readonly durationSeconds: number;
}

/** The facts about the manager and its webhook. */
export interface InstallationFacts {
  readonly namespace: string;
  readonly lease: Lookup<LeaseFacts | undefined>;
  /** The configuration for pods. */
  readonly webhook: Lookup<WebhookConfiguration | undefined>;
  /** When the last authority in the caBundle expires; undefined when none can be read. */
  readonly trustedUntil: EpochMs | undefined;
  /** Whether the webhook answers at the address that the API server calls. */
  readonly reached: Lookup<boolean>;
  /** Which controller's decision holds when memory is short; depends on the holder of KServe's Lease. */
  readonly first: PlanInput['first'];
}

/** The facts about one InferenceService. */
export interface PredictorFacts {
  readonly inferenceService: Lookup<InferenceService | undefined>;
  /** The models that name it. */
  readonly trainedModels: Lookup<readonly TrainedModel[]>;
  readonly configMap: Lookup<ConfigMap | undefined>;
  /** The pods with its label, of all components. */
  readonly pods: Lookup<readonly RawPod[]>;
  readonly deployment: Lookup<Deployment | undefined>;
  /** The Service of the predictor, and where it routes. */
  readonly service: Lookup<KubernetesObject | undefined>;
  /** The Service that wakes models, if that of the predictor does not. */
  readonly wakingService: Lookup<KubernetesObject | undefined>;
  /** Undefined when there is no EndpointSlice. */
  readonly readyEndpoints: Lookup<number | undefined>;
  /** Labels of the namespace. */
  readonly namespaceLabels: Lookup<Readonly<Record<string, string>>>;
}

export interface ModelFacts extends PredictorFacts {
  readonly namespace: string;
  readonly name: string;
  readonly model: TrainedModel | undefined;
  /** Whether the API server knows the kind. */
  readonly defined: boolean;
  /** Similar names of existing ones. */
  readonly near: readonly string[];
  /** Similar names of existing InferenceServices, if the named one is missing. */
  readonly nearServices: readonly string[];
  readonly installation: InstallationFacts;
  readonly now: EpochMs;
}

export interface PodFacts {
  readonly namespace: string;
  readonly name: string;
  readonly pod: RawPod | undefined;
  readonly near: readonly string[];
  readonly inferenceService: Lookup<InferenceService | undefined>;
  /** Labels of the pod's namespace. */
  readonly namespaceLabels: Lookup<Readonly<Record<string, string>>>;
  readonly installation: InstallationFacts;
  readonly now: EpochMs;
}

export interface ServiceFacts extends PredictorFacts {
  readonly namespace: string;
  readonly name: string;
  /** Whether the API server knows the kind. */
  readonly defined: boolean;
  readonly near: readonly string[];
  readonly installation: InstallationFacts;
  readonly now: EpochMs;
}
